// External data: elements of tensors in files beside the model.
import type { FileHandle } from 'node:fs/promises';
import { open, realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep, win32 } from 'node:path';
import { PolyakError } from '@polyak/core';
import { arrayOf } from '@polyak/core/interfaces';
import type { ModelProto, TensorProto } from 'onnx-buf';
import { TensorProto_DataLocation } from 'onnx-buf';
import type { Bytes } from './bytes.js';
import { elementTypeOf } from './element-type.js';
import { modelError, textOf } from './model-error.js';
import { setRawData, shapeOf } from './tensor-data.js';
import { tensorsOf } from './tensor-walk.js';

// A read takes at most 2 GiB.
const CHUNK = 2 ** 30;

/** Where external data may be. */
export interface DataFolder {
  /** The folders to which locations are relative; the first that has the file counts. */
  readonly paths: readonly string[];
  /** The folders that a location may lead to after links are followed; none is a link. */
  readonly roots: readonly string[];
}

/**
 * The folder of a model file.
 *
 * @param path - of the model
 * @returns its folder; where the file is a link, as in the cache of a model hub, also the folder of
 * the file that it leads to
 */
export async function folderOfModel(path: string): Promise<DataFolder> {
  const target = dirname(await realpath(path));
  return { paths: [dirname(path), target], roots: [await realpath(dirname(path)), target] };
}

/**
 * A folder that the user named.
 *
 * @param path - of the folder
 */
export async function namedFolder(path: string): Promise<DataFolder> {
  return { paths: [path], roots: [await realpath(path)] };
}

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
  const entries = entriesOf(tensor, label);
  const { location } = entries;
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
    const offset = entries.offset ?? 0;
    const length = entries.length ?? neededLength(tensor, label) ?? file.size - offset;
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

interface Entries {
  readonly location: string;
  readonly offset: number | undefined;
  readonly length: number | undefined;
}

function entriesOf({ name, externalData }: TensorProto, label: string): Entries {
  const entries = new Map(externalData.map(({ key, value }) => [key, value]));
  const location = entries.get('location');
  if (location === undefined || location === '' || entries.size !== externalData.length) {
    const keys = externalData.map(({ key }) => key).join(', ');
    throw modelError(
      label,
      `"${name}" has external data with the keys [${keys}], expected one location, offset and ` +
        'length.',
    );
  }
  const integer = (key: string): number | undefined => {
    const text = entries.get(key);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
      throw modelError(
        label,
        `"${name}" has external data with the ${key} "${text}", expected an integer >= 0.`,
      );
    }
    return value;
  };
  return { location, offset: integer('offset'), length: integer('length') };
}

// The specification says that data without a length reach to the end of the file. In practice such
// files hold several tensors, and each takes the bytes that its shape needs.
function neededLength(tensor: TensorProto, label: string): number | undefined {
  const type = elementTypeOf(tensor);
  if (type === undefined) return undefined;
  return shapeOf(tensor, label).reduce((a, b) => a * b, arrayOf(type.dtype).BYTES_PER_ELEMENT);
}

async function openInside({ paths, roots }: DataFolder, location: string): Promise<OpenFile> {
  const base = resolve('.');
  const isRelative = !isAbsolute(location) && !win32.isAbsolute(location);
  if (!isRelative || !isInside(base, resolve(base, location))) {
    throw new RangeError('it leads out of the folder of the model, which is refused');
  }
  const target = await firstExisting(paths.map((path) => join(path, location)));
  if (!roots.some((root) => isInside(root, target))) {
    throw new RangeError(
      `it is a link out of the folder of the model, to ${target}, which is refused`,
    );
  }
  // Opening a pipe could wait for ever.
  const status = await stat(target);
  if (!status.isFile()) throw new TypeError('it is not a file');
  return { handle: await open(target, 'r'), size: status.size };
}

async function firstExisting([path = '', ...others]: readonly string[]): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (others.length === 0) throw error;
    return await firstExisting(others);
  }
}

function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
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
