// The data file of a split model: whether it may be replaced, or removed.
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { StringStringEntryProtoSchema } from '../proto/onnx_pb.js';
import { modelError } from '../file/model-error.js';
import { linkTarget } from './replace-files.js';

/**
 * The name of the file that holds the data of a split model.
 *
 * @param path - of the .onnx file
 */
export function dataFileOf(path: string): string {
  return `${path}.data`;
}

/**
 * The data file that only the model at `path` refers to.
 *
 * @param path - of an .onnx file, free of links; it may be missing
 * @returns its path; undefined where there is no such file, or where other models may refer to it
 */
export async function ownDataFile(path: string): Promise<string | undefined> {
  const data = dataFileOf(path);
  if (!(await isFile(data))) return undefined;
  const entry = create(StringStringEntryProtoSchema, { key: 'location', value: basename(data) });
  const reference = Buffer.from(toBinary(StringStringEntryProtoSchema, entry));
  if (!(await holds(path, reference).catch(() => false))) return undefined;
  return (await otherOwner(path, true)) === undefined ? data : undefined;
}

/**
 * Throws where writing the data file of a model would change the weights of another model.
 *
 * @param path - of an .onnx file, free of links; it may be missing
 * @throws `PolyakError` `ERR_MODEL`
 */
export async function requireOwnData(path: string): Promise<void> {
  const data = dataFileOf(path);
  if (!(await isFile(data))) return;
  const other = await otherOwner(path, false);
  if (other === undefined) return;
  throw modelError(
    `save: ${path}`,
    `"${other}" refers to the data file "${basename(data)}", which would be replaced. Save under ` +
      'another name.',
  );
}

/** Another .onnx file of the folder that mentions the data file of `path`; links do not count. */
async function otherOwner(path: string, ifUnreadable: boolean): Promise<string | undefined> {
  const folder = dirname(path);
  const name = Buffer.from(basename(dataFileOf(path)));
  for (const other of await readdir(folder)) {
    const file = join(folder, other);
    if (!other.endsWith('.onnx')) continue;
    // A link to itself has no target.
    const target = await linkTarget(file).catch(() => undefined);
    if (target === path) continue;
    if (await holds(file, name).catch(() => ifUnreadable)) return other;
  }
  return undefined;
}

async function isFile(path: string): Promise<boolean> {
  const status = await stat(path).catch(() => undefined);
  return status?.isFile() === true;
}

async function holds(path: string, bytes: Buffer): Promise<boolean> {
  let rest = Buffer.alloc(0);
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) {
    const read = Buffer.concat([rest, chunk as Buffer]);
    if (read.includes(bytes)) return true;
    rest = read.subarray(Math.max(0, read.length - bytes.length + 1));
  }
  return false;
}
