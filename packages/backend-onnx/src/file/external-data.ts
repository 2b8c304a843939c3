// External data: elements of tensors in files beside the model.
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { PolyakError } from '@polyak/core';
import { arrayOf } from '@polyak/core/interfaces';
import type { ModelProto, TensorProto } from '../proto/onnx_pb.js';
import { TensorProto_DataLocation } from '../proto/onnx_pb.js';
import type { Bytes } from './bytes.js';
import { elementTypeOf } from './element-type.js';
import type { ExternalPlace } from './external-place.js';
import { externalPlaceOf } from './external-place.js';
import type { DataFolder } from './folder.js';
import { fileInside } from './folder.js';
import { modelError, textOf } from './model-error.js';
import { setRawData, shapeOf } from './tensor-data.js';
import { tensorsOf } from './tensor-walk.js';

// A read takes at most 2 GiB.
const CHUNK = 2 ** 30;

/**
 * Reads the external data of a model into its tensors, in place.
 *
 * @param model - changed: afterwards no tensor has external data
 * @param folder - where the data are; undefined for a model given as bytes without a folder
 * @param label - what messages call the model
 * @throws `PolyakError` `ERR_MODEL` where a location leads out of the folder, and where a file is
 * missing or too short
 */
export async function readExternalData(
  model: ModelProto,
  folder: DataFolder | undefined,
  label: string,
): Promise<void> {
  const files = new Map<string, OpenFile>();
  try {
    for (const tensor of tensorsOf(model)) {
      if (tensor.dataLocation !== TensorProto_DataLocation.EXTERNAL) continue;
      setRawData(tensor, await readOne(tensor, folder, files, label));
    }
  } finally {
    for (const { handle } of files.values()) await handle.close();
  }
}

interface OpenFile {
  readonly handle: FileHandle;
  readonly size: number;
}

async function readOne(
  tensor: TensorProto,
  folder: DataFolder | undefined,
  files: Map<string, OpenFile>,
  label: string,
): Promise<Bytes> {
  const place = placeOf(tensor, label);
  const { location } = place;
  if (folder === undefined) {
    throw modelError(
      label,
      `"${tensor.name}" has its data in the file "${location}". Pass the model's path, or the ` +
        'option `folder`.',
    );
  }
  try {
    const file = files.get(location) ?? (await openInside(folder, location));
    files.set(location, file);
    const offset = place.offset ?? 0;
    const length = place.length ?? neededLength(tensor, label) ?? file.size - offset;
    if (length < 0 || offset + length > file.size) {
      throw new RangeError(`it has ${file.size} bytes, expected ${length} from byte ${offset} on`);
    }
    return await readExactly(file.handle, offset, length);
  } catch (cause) {
    if (PolyakError.is(cause)) throw cause;
    throw modelError(
      label,
      `"${tensor.name}": its data file "${location}": ${textOf(cause)}.`,
      cause,
    );
  }
}

function placeOf({ name, externalData }: TensorProto, label: string): ExternalPlace {
  try {
    return externalPlaceOf(externalData);
  } catch (cause) {
    throw modelError(label, `"${name}" has ${textOf(cause)}.`, cause);
  }
}

// The specification says that data without a length reach to the end of the file. In practice such
// files hold several tensors, and each takes the bytes that its shape needs.
function neededLength(tensor: TensorProto, label: string): number | undefined {
  const type = elementTypeOf(tensor);
  if (type === undefined) return undefined;
  return shapeOf(tensor, label).reduce((a, b) => a * b, arrayOf(type.dtype).BYTES_PER_ELEMENT);
}

async function openInside(folder: DataFolder, location: string): Promise<OpenFile> {
  const handle = await open(await fileInside(folder, location), 'r');
  return { handle, size: (await handle.stat()).size };
}

async function readExactly(handle: FileHandle, offset: number, length: number): Promise<Bytes> {
  const bytes = new Uint8Array(length);
  for (let filled = 0; filled < length;) {
    const count = Math.min(CHUNK, length - filled);
    const { bytesRead } = await handle.read(bytes, filled, count, offset + filled);
    if (bytesRead === 0)
      throw new RangeError(`it ended at byte ${offset + filled} while it was read`);
    filled += bytesRead;
  }
  return bytes;
}
