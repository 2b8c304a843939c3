// Writes a model as one file, or as two: the graph, and the data of large initializers.
import { rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { PolyakError } from '@polyak/core';
import { StringStringEntryProtoSchema, TensorProto_DataLocation } from '../proto/onnx_pb.js';
import type { TensorProto } from '../proto/onnx_pb.js';
import type { Bytes } from '../file/bytes.js';
import { bytesOf } from '../file/bytes.js';
import { lengthOf, modelChunks } from './model-chunks.js';
import { modelError, textOf } from '../file/model-error.js';
import type { ModelWithGraph } from '../file/proto.js';
import { copyModel, encodeModel } from '../file/proto.js';
import { dataFileOf, ownDataFile, requireOwnData } from './data-file.js';
import { linkTarget, replaceFiles } from './replace-files.js';
import { clearData } from '../file/tensor-data.js';

// The most bytes in one protobuf message.
const MAX_MESSAGE = 2 ** 31 - 1;
// Smaller data stay in the model, where shape inference sees them: the threshold of the Python
// package onnx.
const MIN_EXTERNAL = 1024;
// The specification recommends that data begin at a page.
const PAGE = 4096;

/** How a model is written. */
export interface SaveOptions {
  /**
   * True writes the data of large initializers to a second file, `model.onnx.data` beside
   * `model.onnx`. False writes one file, which cannot exceed 2 GB. By default only models over 2 GB
   * are split.
   */
  readonly externalData?: boolean;
}

/**
 * Writes a model, or nothing. Where one file replaces a split model, its old data file is removed.
 *
 * @param path - of the .onnx file, or of a link to one; replaced where it exists
 * @param template - the model without the data of its weights
 * @param weights - their data by name
 * @param options - one file or two
 * @throws `PolyakError` `ERR_UNSUPPORTED` where one file cannot hold it, `ERR_MODEL` where it
 * cannot be written
 */
export async function writeModel(
  path: string,
  template: ModelWithGraph,
  weights: ReadonlyMap<string, Bytes>,
  options: SaveOptions,
): Promise<void> {
  const { externalData } = options;
  const whole = externalData === true ? undefined : modelChunks(template, weights);
  try {
    const target = await linkTarget(path);
    if (whole === undefined || (externalData === undefined && lengthOf(whole) > MAX_MESSAGE)) {
      await writeSplit(target, template, weights);
    } else {
      await writeWhole(target, whole);
    }
  } catch (cause) {
    if (PolyakError.is(cause)) throw cause;
    throw modelError(
      `save: ${path}`,
      `it cannot be written (${textOf(cause)}); nothing was changed.`,
      cause,
    );
  }
}

/**
 * A model as the bytes of one file.
 *
 * @param template - the model without the data of its weights
 * @param weights - their data by name
 * @returns new bytes
 * @throws `PolyakError` `ERR_UNSUPPORTED` where it takes more than 2 GB
 */
export function modelBytes(template: ModelWithGraph, weights: ReadonlyMap<string, Bytes>): Bytes {
  const chunks = modelChunks(template, weights);
  const length = lengthOf(chunks);
  refuseTooLong(length, 'toBytes');
  const bytes = new Uint8Array(length);
  let filled = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, filled);
    filled += chunk.length;
  }
  return bytes;
}

function refuseTooLong(length: number, what: string): void {
  if (length <= MAX_MESSAGE) return;
  throw new PolyakError(
    'ERR_UNSUPPORTED',
    `${what}: the model takes ${length} bytes in one piece, the format allows ${MAX_MESSAGE}. ` +
      'Save it with { externalData: true }.',
  );
}

async function writeWhole(path: string, chunks: readonly Bytes[]): Promise<void> {
  refuseTooLong(lengthOf(chunks), `save: ${path}`);
  const oldData = await ownDataFile(path);
  await replaceFiles([{ path, chunks }]);
  // The model is saved; a file that cannot be removed is only in the way.
  if (oldData !== undefined) await rm(oldData).catch(() => undefined);
}

async function writeSplit(
  path: string,
  template: ModelWithGraph,
  weights: ReadonlyMap<string, Bytes>,
): Promise<void> {
  const model = copyModel(template);
  const chunks: Bytes[] = [];
  const location = basename(dataFileOf(path));
  let filled = 0;
  for (const initializer of model.graph.initializer) {
    const data = weights.get(initializer.name) ?? bytesOf(initializer.rawData);
    if (data.length < MIN_EXTERNAL) {
      if (weights.has(initializer.name)) initializer.rawData = data;
      continue;
    }
    const offset = Math.ceil(filled / PAGE) * PAGE;
    chunks.push(new Uint8Array(offset - filled), data);
    filled = offset + data.length;
    refer(initializer, { location, offset, length: data.length });
  }
  const bytes = encodeModel(model);
  refuseTooLong(bytes.length, `save: ${path}, without its external data`);
  if (chunks.length === 0) return writeWhole(path, [bytes]);
  await requireOwnData(path);
  const dataFile = { path: await linkTarget(dataFileOf(path)), chunks };
  await replaceFiles([dataFile, { path, chunks: [bytes] }]);
}

function refer(initializer: TensorProto, entries: Readonly<Record<string, string | number>>): void {
  clearData(initializer);
  initializer.dataLocation = TensorProto_DataLocation.EXTERNAL;
  initializer.externalData = Object.entries(entries).map(([key, value]) =>
    create(StringStringEntryProtoSchema, { key, value: String(value) }),
  );
}
