// A model from bytes or from a file, with all its data inside.
import { open, readFile, stat } from 'node:fs/promises';
import { PolyakError } from '@polyak/core';
import { foundText } from '../arguments.js';
import type { GraphProto } from '../proto/onnx_pb.js';
import { readExternalData } from './external-data.js';
import { HEAD_LENGTH, notOnnx } from './file-kind.js';
import type { DataFolder } from './folder.js';
import { folderOfModel, namedFolder } from './folder.js';
import { modelError, textOf } from './model-error.js';
import type { ModelWithGraph } from './proto.js';
import { decodeModel } from './proto.js';

/** A path of an .onnx file, or the bytes of one. */
export type ModelSource = string | Uint8Array;

/**
 * Reads a model and its external data.
 *
 * @param source - its path or bytes
 * @param label - what messages call the model
 * @param folder - where external data are; by default beside the file
 * @returns the model; the raw data of its tensors are views of the file's bytes, or of those passed
 * @throws `PolyakError` `ERR_MODEL` where the model cannot be read or is malformed
 */
export async function readModel(
  source: ModelSource,
  label: string,
  folder: string | undefined,
): Promise<ModelWithGraph> {
  try {
    const model = decodeModel(typeof source === 'string' ? await readWhole(source) : source, label);
    checkNames(model.graph, label);
    await readExternalData(model, await folderOf(source, folder), label);
    return model;
  } catch (cause) {
    if (PolyakError.is(cause)) throw cause;
    throw notOnnx(label, await headOf(source), `it cannot be read (${textOf(cause)}).`, cause);
  }
}

/**
 * The name of a model in messages.
 *
 * @param source - its path, which is its name, or its bytes
 * @param whenBytes - the name of bytes
 * @throws TypeError where the source is neither
 */
export function labelOf(source: unknown, whenBytes: string): string {
  if (typeof source === 'string') return source;
  if (source instanceof Uint8Array) return whenBytes;
  throw new TypeError(
    `${whenBytes}: found ${foundText(source)}, expected the path of an .onnx file or its bytes.`,
  );
}

/**
 * The first bytes of a model, as many as {@link notOnnx} looks at.
 *
 * @param source - its path or bytes
 * @returns no bytes where it cannot be read
 */
export async function headOf(source: ModelSource): Promise<Uint8Array> {
  if (typeof source !== 'string') return source;
  const status = await stat(source).catch(() => undefined);
  // Opening a pipe could wait for ever.
  if (status?.isFile() !== true) return new Uint8Array();
  const file = await open(source).catch(() => undefined);
  if (file === undefined) return new Uint8Array();
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(HEAD_LENGTH));
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function readWhole(path: string): Promise<Uint8Array> {
  // Reading a pipe could wait for ever.
  const status = await stat(path);
  if (!status.isFile()) throw new TypeError('it is not a file');
  return await readFile(path);
}

async function folderOf(
  source: ModelSource,
  folder: string | undefined,
): Promise<DataFolder | undefined> {
  if (folder !== undefined) return await namedFolder(folder);
  return typeof source === 'string' ? await folderOfModel(source) : undefined;
}

function checkNames({ initializer }: GraphProto, label: string): void {
  const names = new Set<string>();
  for (const { name } of initializer) {
    if (name === '') throw modelError(label, 'an initializer has no name. Export the model again.');
    if (names.has(name))
      throw modelError(label, `two initializers are called "${name}". Export the model again.`);
    names.add(name);
  }
}
