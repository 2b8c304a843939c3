// Reads and replaces the elements of a TensorProto, in any of its fields.
import { clearField } from '@bufbuild/protobuf';
import type { HostArray, HostTensor } from '@polyak/core/interfaces';
import { arrayOf } from '@polyak/core/interfaces';
import type { TensorProto } from '../proto/onnx_pb.js';
import { TensorProto_DataLocation, TensorProtoSchema } from '../proto/onnx_pb.js';
import type { Bytes } from './bytes.js';
import { bytesOf } from './bytes.js';
import type { ElementType } from './element-type.js';
import { modelError } from './model-error.js';

const DATA_FIELDS = [
  'floatData',
  'int32Data',
  'stringData',
  'int64Data',
  'doubleData',
  'uint64Data',
] as const;

/**
 * The extents of a tensor.
 *
 * @param tensor - only read
 * @param label - what messages call the model
 * @returns the shape; `[]` for a scalar
 * @throws `PolyakError` `ERR_MODEL` where an extent is negative or the product of all is beyond
 * 2^53
 */
export function shapeOf({ name, dims }: TensorProto, label: string): readonly number[] {
  // Zeros are left out: a runtime may multiply the others first.
  const count = dims.reduce((product, extent) => product * (extent > 1n ? extent : 1n), 1n);
  if (dims.some((extent) => extent < 0n) || count > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw modelError(
      label,
      `"${name}" has the shape [${dims.join(',')}], expected extents from 0 on that fit in memory.`,
    );
  }
  return dims.map(Number);
}

/**
 * The elements of a tensor, from little-endian bytes in raw_data or numbers in the field of its
 * type.
 *
 * @param tensor - only read; external data must have been read into it
 * @param type - its element type
 * @param label - what messages call the model
 * @returns a tensor with its own memory
 * @throws `PolyakError` `ERR_MODEL` where the data and the shape disagree
 */
export function readTensor(tensor: TensorProto, type: ElementType, label: string): HostTensor {
  const { dtype, field } = type;
  const shape = shapeOf(tensor, label);
  const count = shape.reduce((product, extent) => product * extent, 1);
  const { rawData, name } = tensor;
  refuseOddPlaces(tensor, field, label);
  const isRaw = rawData.length > 0;
  const found = isRaw ? rawData.length : tensor[field].length;
  const expected = isRaw ? count * arrayOf(dtype).BYTES_PER_ELEMENT : count;
  if (found !== expected) {
    const unit = isRaw ? 'bytes' : 'elements';
    throw modelError(
      label,
      `"${name}" holds ${found} ${unit} of data, its shape ${dtype}[${shape.join(',')}] takes ` +
        `${expected}. The file is damaged; export it again.`,
    );
  }
  return {
    dtype,
    shape,
    data: isRaw ? fromBytes(dtype, bytesOf(rawData)) : fromNumbers(tensor, type, label),
  };
}

/**
 * Replaces the elements of a tensor by raw data.
 *
 * @param tensor - changed
 * @param bytes - little-endian, as many as its shape takes; not copied
 */
export function setRawData(tensor: TensorProto, bytes: Bytes): void {
  clearData(tensor);
  tensor.rawData = bytes;
}

/**
 * Removes the elements of a tensor, and nothing else.
 *
 * @param tensor - changed
 */
export function clearData(tensor: TensorProto): void {
  for (const field of [...DATA_FIELDS, 'rawData', 'externalData', 'dataLocation'] as const) {
    clearField(tensor, TensorProtoSchema.field[field]);
  }
}

function refuseOddPlaces(tensor: TensorProto, field: string, label: string): void {
  const { name, rawData, segment, dataLocation } = tensor;
  const filled = DATA_FIELDS.filter((other) => tensor[other].length > 0);
  if (segment !== undefined) {
    throw modelError(
      label,
      `"${name}" is a segment of a tensor, expected a whole tensor. Export it whole.`,
    );
  }
  if (dataLocation === TensorProto_DataLocation.EXTERNAL) {
    throw modelError(label, `"${name}" has external data, which were not read.`);
  }
  if (filled.some((other) => other !== field) || (filled.length > 0 && rawData.length > 0)) {
    const places = rawData.length > 0 ? [...filled, 'rawData'] : filled;
    throw modelError(
      label,
      `"${name}" has data in ${places.join(' and ')}, expected ${field} or rawData.`,
    );
  }
}

function fromBytes(dtype: HostTensor['dtype'], bytes: Bytes): HostArray {
  const Elements = arrayOf(dtype);
  // Bytes that fill their buffer were read for this tensor alone. Others are views of the model's
  // bytes, which belong to the caller and may not be aligned.
  const isOwn = bytes.byteOffset === 0 && bytes.length === bytes.buffer.byteLength;
  const { buffer } = isOwn ? bytes : bytes.slice();
  return new Elements(buffer, 0, bytes.length / Elements.BYTES_PER_ELEMENT);
}

function fromNumbers(tensor: TensorProto, { dtype, field }: ElementType, label: string): HostArray {
  const numbers: readonly (number | bigint)[] = tensor[field];
  const Elements = arrayOf(dtype);
  if (dtype === 'int64') return BigInt64Array.from(tensor.int64Data);
  if (dtype === 'uint64') return BigUint64Array.from(tensor.uint64Data);
  const data = new Elements(numbers.length) as Exclude<HostArray, BigInt64Array | BigUint64Array>;
  for (const [index, number] of numbers.entries()) {
    data[index] = Number(number);
    // This catches integers out of range. Float fields hold values of their own type.
    if (data[index] !== Number(number) && !Number.isNaN(Number(number))) {
      throw modelError(
        label,
        `"${tensor.name}" holds ${number} at index ${index}, which is not in the range of ` +
          `${dtype}. Export the model again.`,
      );
    }
  }
  return data;
}
