// The elements of a TensorProto, in whichever of its fields they are.
import { clearField } from '@bufbuild/protobuf';
import type { HostArray, HostTensor } from '@polyak/core/interfaces';
import { arrayOf } from '@polyak/core/interfaces';
import type { TensorProto } from 'onnx-buf';
import { TensorProto_DataLocation, TensorProtoSchema } from 'onnx-buf';
import type { Bytes } from './bytes.js';
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
  // A zero among them does not make the others small: a runtime may multiply in any order.
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
 * The elements of a tensor: little-endian bytes in raw_data, or numbers in the field of its type.
 *
 * @param tensor - only read; its data are not in another file (see `external-data.ts`)
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
    data: isRaw ? fromBytes(dtype, rawData) : fromNumbers(tensor, type, label),
  };
}

/**
 * Puts raw data into a tensor, in place of what it holds.
 *
 * @param tensor - changed
 * @param bytes - little-endian, as many as its shape takes; kept, not copied
 */
export function setRawData(tensor: TensorProto, bytes: Bytes): void {
  clearData(tensor);
  tensor.rawData = bytes;
}

/**
 * Takes the elements out of a tensor, wherever they are; all else of it stays.
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
    throw modelError(label, `"${name}" has its data in another file, which was not read.`);
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
  // Bytes that fill their buffer were read from a file of their own, just for this tensor; all
  // others are views of the model's bytes, which are the caller's and begin anywhere.
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
    // float32 rounds nothing here: the file held float32. The others hold integers.
    if (data[index] !== Number(number) && !Number.isNaN(Number(number))) {
      throw modelError(
        label,
        `"${tensor.name}" holds ${number} at ${index}, which is no ${dtype}.`,
      );
    }
  }
  return data;
}
