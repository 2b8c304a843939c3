// Where the data of a model's tensors are: in the model, in files beside it, or, where the model
// has them as variable-length numbers, decoded in memory.
import { externalPlaceOf, textOf } from '@polyak/backend-onnx/file';
import { PolyakError } from '@polyak/core';
import { bytesSource } from '@polyak/safetensors';
import type { CheckpointFile } from '../../checkpoint.js';
import type { OpenFile } from '../open-file.js';
import { openBeside } from '../open-file.js';
import { checkpointError } from '../refused.js';
import { decodeNumbers } from './decode-numbers.js';
import { byteLengthOf, bytesPerNumber, dtypeOf } from './element-size.js';
import type { TensorMessage } from './scan.js';
import { TENSOR } from './tensor-fields.js';
import { WireReader } from './wire.js';

/** The data of a tensor. */
export interface TensorData {
  /**
   * How an output has them: `inline` in their place in the model, `raw` in the model as raw data,
   * `external` in the file of external data.
   */
  readonly kind: 'inline' | 'raw' | 'external';
  /** The file of the checkpoint that has them. */
  readonly file: number;
  /** The offset of the first byte in it. */
  readonly begin: number;
  /** Their length. */
  readonly byteLength: number;
}

/** The data of all tensors. */
export interface ModelData {
  /**
   * The model and the files of external data; where data were decoded, the model a second time with
   * these as its bytes.
   */
  readonly files: readonly CheckpointFile[];
  /** The data of each tensor. */
  readonly of: ReadonlyMap<TensorMessage, TensorData>;
}

/**
 * Finds the data of tensors.
 *
 * @param model - the .onnx file
 * @param tensors - of the model
 * @param open - opens the files beside it
 * @throws PolyakError `ERR_CHECKPOINT` where a file is missing, or data do not have the length that
 *   the shape takes
 */
export async function findData(
  model: CheckpointFile,
  tensors: readonly TensorMessage[],
  open: OpenFile,
): Promise<ModelData> {
  const files = [model];
  const of = new Map<TensorMessage, TensorData>();
  const toDecode: TensorMessage[] = [];
  const byLocation = new Map<string, number>();
  for (const tensor of tensors) {
    try {
      if (!tensor.isExternal) {
        const data = inModel(tensor);
        if (data === undefined) toDecode.push(tensor);
        else of.set(tensor, data);
        continue;
      }
      const place = externalPlaceOf(tensor.external);
      const { location } = place;
      const known = byLocation.get(location);
      const file = known ?? files.push(await openBeside(model.name, location, open)) - 1;
      byLocation.set(location, file);
      of.set(tensor, inFile(tensor, place, file, files[file] as CheckpointFile));
    } catch (cause) {
      if (PolyakError.is(cause)) throw cause;
      throw checkpointError(model.name, `"${tensor.name}" has ${textOf(cause)}.`, cause);
    }
  }
  if (toDecode.length > 0) await decodeAll(model, toDecode, files, of);
  return { files, of };
}

/** The number of elements of a tensor. */
function elementsOf({ dims }: TensorMessage): number {
  // Zeros are left out: the product of the others must be exact, too.
  const most = dims.reduce((product, extent) => product * Math.max(1, extent), 1);
  if (most > Number.MAX_SAFE_INTEGER / 16) {
    throw new RangeError(`the shape [${dims.join(',')}], expected extents from 0 on that fit`);
  }
  return dims.reduce((product, extent) => product * extent, 1);
}

/** Data within the model; undefined for those to decode. */
function inModel(tensor: TensorMessage): TensorData | undefined {
  const { data, dataType, end } = tensor;
  const inline = (begin: number, byteLength: number): TensorData => {
    requireLength(tensor, byteLength);
    return { kind: 'inline', file: 0, begin, byteLength };
  };
  if (data === undefined) return inline(end, 0);
  if (data.number === TENSOR.rawData) return inline(data.begin, data.end - data.begin);
  if (bytesPerNumber(dataType, data.number) === undefined) {
    throw new RangeError(`elements of ${dtypeOf(dataType)} in the field ${data.number}`);
  }
  if (data.isWhole) return inline(data.begin, data.end - data.begin);
  requireNumbers(tensor);
  return undefined;
}

function inFile(
  tensor: TensorMessage,
  { location, offset = 0, length }: ReturnType<typeof externalPlaceOf>,
  file: number,
  { source: { size } }: CheckpointFile,
): TensorData {
  // The specification says that data without a length reach to the end of the file. In practice
  // such files hold several tensors, and each takes the bytes that its shape needs.
  const byteLength = length ?? neededBy(tensor) ?? size - offset;
  if (byteLength < 0 || offset + byteLength > size) {
    throw new RangeError(
      `its data in the file "${location}", which has ${size} bytes, expected ${byteLength} from ` +
        `byte ${offset} on`,
    );
  }
  requireLength(tensor, byteLength);
  return { kind: 'external', file, begin: offset, byteLength };
}

function neededBy(tensor: TensorMessage): number | undefined {
  return byteLengthOf(tensor.dataType, elementsOf(tensor));
}

function requireLength(tensor: TensorMessage, byteLength: number): void {
  const needed = neededBy(tensor) ?? byteLength;
  if (needed === byteLength) return;
  const { dataType, dims } = tensor;
  throw new RangeError(
    `${byteLength} bytes of data, its shape ${dtypeOf(dataType)}[${dims.join(',')}] takes ` +
      `${needed}. The file is damaged; export it again`,
  );
}

/** Numbers of variable length take a byte at least. */
function requireNumbers(tensor: TensorMessage): void {
  const numbers = (neededBy(tensor) ?? 0) / perNumber(tensor);
  if (numbers <= tensor.end - tensor.begin) return;
  throw new RangeError(
    `less data than the ${numbers} numbers that its shape takes. The file is damaged; export it ` +
      'again',
  );
}

/** Decodes tensors into one file in memory. */
async function decodeAll(
  model: CheckpointFile,
  tensors: readonly TensorMessage[],
  files: CheckpointFile[],
  of: Map<TensorMessage, TensorData>,
): Promise<void> {
  const file = files.length;
  let size = 0;
  for (const tensor of tensors) {
    const byteLength = neededBy(tensor) ?? 0;
    of.set(tensor, { kind: 'raw', file, begin: size, byteLength });
    size += byteLength;
  }
  const bytes = new Uint8Array(size);
  const reader = new WireReader(model.source);
  for (const tensor of tensors) {
    const { begin, byteLength } = of.get(tensor) as TensorData;
    const target = bytes.subarray(begin, begin + byteLength);
    try {
      await decodeNumbers(reader, tensor, perNumber(tensor), target);
    } catch (cause) {
      throw checkpointError(model.name, `"${tensor.name}" has ${textOf(cause)}.`, cause);
    }
  }
  files.push({ name: model.name, source: bytesSource(bytes) });
}

function perNumber({ dataType, data }: TensorMessage): number {
  return bytesPerNumber(dataType, data?.number ?? 0) ?? 1;
}
