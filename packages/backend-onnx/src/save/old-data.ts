// The data file that a split model leaves behind when one file replaces it.
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { StringStringEntryProtoSchema } from 'onnx-buf';

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
 * @param path - of an .onnx file; it may be missing
 * @returns its path; undefined where there is none, where it has another name than
 *   {@link dataFileOf} gives, and where another .onnx file in the folder mentions it
 */
export async function ownDataFile(path: string): Promise<string | undefined> {
  const data = dataFileOf(path);
  const name = basename(data);
  const status = await stat(data).catch(() => undefined);
  if (status?.isFile() !== true) return undefined;
  const entry = create(StringStringEntryProtoSchema, { key: 'location', value: name });
  const reference = Buffer.from(toBinary(StringStringEntryProtoSchema, entry));
  if (!(await holds(path, reference).catch(() => false))) return undefined;
  const folder = dirname(path);
  const others = (await readdir(folder)).filter(
    (file) => file.endsWith('.onnx') && file !== basename(path),
  );
  for (const other of others) {
    // A file that cannot be read might mention it.
    if (await holds(join(folder, other), Buffer.from(name)).catch(() => true)) return undefined;
  }
  return data;
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
