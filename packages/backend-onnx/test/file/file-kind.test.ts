// Files of other kinds that are given as models: each is named for what it is.
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { averageModels, loadOnnxModel, trainStepOptimizer } from '@polyak/backend-onnx';
import * as ort from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelBytes } from '../model-builder.js';
import { gemm } from '../small-model.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'polyak-onnx-kind-'));
});
afterAll(async () => rm(folder, { recursive: true }));

const text = (content: string): Uint8Array => new TextEncoder().encode(content);
/** Latin-1 characters as bytes, and zeros after them. */
const bytes = (content: string): Uint8Array =>
  Buffer.concat([Buffer.from(content, 'latin1'), Buffer.alloc(100)]);

/** The start of a zip archive: a header of 30 bytes, the name of its first file. */
const zip = (first: string): string => `PK\x03\x04${'\0'.repeat(26)}${first}`;

/** A safetensors file with a header of any length. */
function safetensors(entries: number): Uint8Array {
  const tensors = Array.from({ length: entries }, (_, n) => [
    `w${n}`,
    { dtype: 'F32', shape: [1], data_offsets: [4 * n, 4 * n + 4] },
  ]);
  const header = text(JSON.stringify(Object.fromEntries(tensors)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, Buffer.alloc(4 * entries)]);
}

const POINTER = 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n';

const KINDS: readonly (readonly [string, Uint8Array, RegExp])[] = [
  ['a Git LFS pointer', text(POINTER), /found a Git LFS pointer.*git lfs pull/],
  ['an HTML page', text('<!DOCTYPE html>\n<html lang="en">'), /found an HTML page.*Download/],
  ['an HTML page after blank lines', text('\n\n  <HTML><head>'), /found an HTML page/],
  ['an .ort file', bytes('\x20\0\0\0ORTM\0\0'), /\(\.ort\)\. Pass the \.onnx file/],
  [
    'a PyTorch checkpoint',
    bytes(zip('archive/data.pkl')),
    /found a PyTorch checkpoint.*Export the model/,
  ],
  ['a NumPy archive', bytes(zip('layers/w.npy')), /found a NumPy archive/],
  ['a Keras model', bytes(zip('metadata.json')), /found a Keras model/],
  ['another zip archive', bytes(zip('readme.txt')), /found a zip archive/],
  ['a safetensors file', safetensors(1), /found a safetensors file.*Export the model/],
  ['a safetensors file of many tensors', safetensors(700), /found a safetensors file/],
  ['a NumPy array', bytes('\x93NUMPY\x01'), /found a NumPy array/],
  ['the index of a TensorFlow checkpoint', bytes('\0\0\x08\x08\x01\x1a\x02\x08\x01'), /TensorFlow/],
  ["Flax's MessagePack", bytes('\x81\xa6params\x82\xa6Conv_0'), /found MessagePack/],
  ['a pickle', bytes('\x80\x02\x8a\nl\xfc\x9cF\xf9'), /found a Python pickle/],
  ['an HDF5 file', bytes('\x89HDF\r\n\x1a\n'), /found an HDF5 file/],
  ['a TensorFlow Lite model', bytes('\x1c\0\0\0TFL3'), /found a TensorFlow Lite model/],
  ['a GGUF file', bytes('GGUF\x03'), /found a GGUF file/],
  ['a gzip archive', gzipSync(modelBytes(gemm())), /found a gzip archive. Unpack/],
  ['JSON', text('{"modelTopology": {}}'), /found JSON/],
];

describe.each(KINDS)('%s', (_, content, message) => {
  const refusal = { code: 'ERR_MODEL', message: expect.stringMatching(message) as string };

  it('is named by loadOnnxModel, from bytes and from a path', async () => {
    await expect(loadOnnxModel(ort, content)).rejects.toMatchObject(refusal);
    const path = join(folder, 'kind.onnx');
    await writeFile(path, content);
    await expect(loadOnnxModel(ort, path)).rejects.toMatchObject(refusal);
    await expect(loadOnnxModel(ort, path)).rejects.toThrow(path);
  });

  it('is named by averageModels', async () => {
    const sources = [modelBytes(gemm()), content];
    await expect(averageModels(ort, sources)).rejects.toMatchObject(refusal);
  });

  it('is named by trainStepOptimizer, from bytes and from a path', async () => {
    const options = { parameters: [], lr: 1 };
    // ONNX Runtime itself takes .ort files, and says what is wrong with this one.
    const expected = message.source.includes('.ort') ? { code: 'ERR_MODEL' } : refusal;
    await expect(trainStepOptimizer(ort, content, options)).rejects.toMatchObject(expected);
    const path = join(folder, 'step.onnx');
    await writeFile(path, content);
    await expect(trainStepOptimizer(ort, path, options)).rejects.toMatchObject(expected);
  });
});

it('names a file that is too large to be read', async () => {
  const path = join(folder, 'large.pt');
  await writeFile(path, 'PK\x03\x04');
  await truncate(path, 3 * 2 ** 30);
  await expect(loadOnnxModel(ort, path)).rejects.toThrow(/large.pt: .*found a zip archive/);
});
