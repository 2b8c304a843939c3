// A model and its weights as files: one that holds everything, or one for the graph and one for the
// data.
import { basename } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { PolyakError } from '@polyak/core';
import { StringStringEntryProtoSchema, TensorProto_DataLocation } from 'onnx-buf';
import type { TensorProto } from 'onnx-buf';
import type { Bytes } from './bytes.js';
import { lengthOf, modelChunks } from './model-chunks.js';
import { modelError, textOf } from './model-error.js';
import type { ModelWithGraph } from './proto.js';
import { copyModel, encodeModel } from './proto.js';
import { replaceFiles } from './replace-files.js';
import { clearData } from './tensor-data.js';

// What one protobuf message can hold.
const MAX_MESSAGE = 2 ** 31 - 1;
// Below it, data stay in the model, where shape inference sees them: the threshold of the onnx
// package.
const MIN_EXTERNAL = 1024;
// The specification wants data to begin at a page.
const PAGE = 4096;

/** How a model is written. */
export interface SaveOptions {
  /**
   * True: the data of large initializers go to a file of their own beside the model,
   * `model.onnx.data` for `model.onnx`. False: everything goes into the model, which then cannot
   * exceed 2 GB. By default only what exceeds 2 GB is split.
   */
  readonly externalData?: boolean;
}

/**
 * Writes a model whole or not at all.
 *
 * @param path - of the .onnx file; replaced where it exists
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
    if (whole === undefined || (externalData === undefined && lengthOf(whole) > MAX_MESSAGE)) {
      await writeSplit(path, template, weights);
    } else {
      refuseTooLong(lengthOf(whole), `save: ${path}`);
      await replaceFiles([{ path, chunks: whole }]);
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

async function writeSplit(
  path: string,
  template: ModelWithGraph,
  weights: ReadonlyMap<string, Bytes>,
): Promise<void> {
  const model = copyModel(template);
  const chunks: Bytes[] = [];
  const location = `${basename(path)}.data`;
  let filled = 0;
  for (const initializer of model.graph.initializer) {
    const data = weights.get(initializer.name) ?? initializer.rawData;
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
  // With nothing large enough to be outside there is no second file.
  const dataFile = chunks.length === 0 ? [] : [{ path: `${path}.data`, chunks }];
  await replaceFiles([...dataFile, { path, chunks: [bytes] }]);
}

function refer(initializer: TensorProto, entries: Readonly<Record<string, string | number>>): void {
  clearData(initializer);
  initializer.dataLocation = TensorProto_DataLocation.EXTERNAL;
  initializer.externalData = Object.entries(entries).map(([key, value]) =>
    create(StringStringEntryProtoSchema, { key, value: String(value) }),
  );
}
