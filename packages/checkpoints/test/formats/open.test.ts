// Which file of which format is opened, and what is refused with what to do.
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openCheckpoint } from '@polyak/checkpoints/node';
import { encodeSafetensors } from '@polyak/safetensors';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { external, f32, model, modelBytes, tensor } from './onnx-models.js';
import { floatsOf, open } from './outputs.js';

const folders: string[] = [];
let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'polyak-open-'));
  folders.push(folder);
});
afterAll(async () => {
  for (const made of folders) await rm(made, { recursive: true });
});

const text = (content: string): Uint8Array => new TextEncoder().encode(content);
const latin = (content: string): Uint8Array => Buffer.from(content + '\0'.repeat(100), 'latin1');
const zip = (first: string): Uint8Array => latin(`PK\x03\x04${'\0'.repeat(26)}${first}`);
const safetensors = (...values: readonly number[]): Uint8Array => {
  const data = Float32Array.from(values);
  return encodeSafetensors({ w: { dtype: 'float32', shape: [values.length], data } });
};
const shardIndex = (shard: string): Uint8Array =>
  text(JSON.stringify({ metadata: {}, weight_map: { w: shard } }));
const modelJson = (...paths: readonly string[]): Uint8Array =>
  text(
    JSON.stringify({
      modelTopology: {},
      weightsManifest: [{ paths, weights: [{ name: 'w', shape: [2], dtype: 'float32' }] }],
    }),
  );

async function write(files: Readonly<Record<string, Uint8Array>>): Promise<void> {
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, name), bytes);
}

/** Opens a file of the folder, reads its weight, closes it. */
async function weightIn(name: string): Promise<readonly [string, readonly number[]]> {
  const checkpoint = await openCheckpoint(join(folder, name));
  try {
    return [checkpoint.format, await floatsOf(checkpoint, 'w')];
  } finally {
    await checkpoint.close();
  }
}

describe('a checkpoint is opened by its contents', () => {
  it.each([
    ['a safetensors file', 'safetensors', { 'x.bin': safetensors(1, 2) }, 'x.bin'],
    [
      'the index of a sharded one',
      'safetensors',
      { 'a.safetensors': safetensors(1, 2), 'some.json': shardIndex('a.safetensors') },
      'some.json',
    ],
    [
      'an ONNX model',
      'onnx',
      { 'm.onnx': modelBytes(model([tensor('w', [2], { rawData: f32(1, 2) })])) },
      'm.onnx',
    ],
    [
      'an ONNX model with its data beside it',
      'onnx',
      { 'm.onnx': modelBytes(model([external('w', [2], { location: 'd' })])), d: f32(1, 2) },
      'm.onnx',
    ],
    [
      'a model.json',
      'tfjs',
      { 'model.json': modelJson('w.bin'), 'w.bin': f32(1, 2) },
      'model.json',
    ],
  ])('%s', async (_, format, files, name) => {
    await write(files);
    expect(await weightIn(name)).toEqual([format, [1, 2]]);
  });

  it.each([
    ['the index', { 'model.safetensors.index.json': shardIndex('a.safetensors') }],
    ['the only safetensors file', { 'config.json': text('{"a":1}') }],
    ['model.safetensors', { 'model.safetensors': safetensors(1, 2) }],
  ])('of a folder: %s', async (_, files) => {
    await write({ 'a.safetensors': safetensors(1, 2), ...files });
    expect(await weightIn('.')).toEqual(['safetensors', [1, 2]]);
  });

  it('where a model hub keeps its files as links into another folder', async () => {
    await mkdir(join(folder, 'blobs'));
    await mkdir(join(folder, 'snapshot'));
    await write({ 'blobs/1': shardIndex('a.safetensors'), 'blobs/2': safetensors(1, 2) });
    const names = ['model.safetensors.index.json', 'a.safetensors'];
    for (const [index, name] of names.entries()) {
      await symlink(`../blobs/${index + 1}`, join(folder, 'snapshot', name));
    }
    expect(await weightIn('snapshot')).toEqual(['safetensors', [1, 2]]);
  });
});

describe('a checkpoint is refused', () => {
  it.each([
    ['of PyTorch', zip('archive/data.pkl'), /PyTorch checkpoint.*torch\.load\("\S*x"/s],
    ['of an older PyTorch', latin('\x80\x02\x8a\nl\xfc'), /pickle.*torch\.load/s],
    ['of NumPy', zip('w.npy'), /NumPy archive.*numpy\.load/s],
    ['of Flax', latin('\x81\xa6params\x80'), /Flax.*msgpack_restore/s],
    ['of TensorFlow', latin('\0\0\x08\x08\x01\x1a\x02'), /TensorFlow.*load_checkpoint/s],
    ['of Keras', zip('metadata.json'), /Keras.*tensorflowjs_converter --input_format keras_keras/s],
    ['in HDF5', latin('\x89HDF\r\n\x1a\n'), /HDF5.*tensorflowjs_converter --input_format keras /s],
    ['in GGUF', latin('GGUF\x03'), /GGUF.*Merge the safetensors/s],
    ['in another archive', zip('a.txt'), /zip archive.*Unpack/s],
    ['that is a pointer', text('version https://git-lfs.github.com/spec/v1\n'), /git lfs pull/],
    ['of unknown bytes', latin('\xff\xfe\xfd'), /not an ONNX model.*expected safetensors/s],
    ['that is empty', new Uint8Array(), /empty/],
    ['that is JSON of something else', text('{"a":{}}'), /"weightsManifest".*"weight_map"/s],
    ['that is a broken model.json', text('{"weightsManifest":[1]}'), /group 1 .* is not a record/],
    ['that is a broken index', text('{"weight_map":[]}'), /x: /],
  ])('%s', async (_, bytes, message) => {
    await write({ x: bytes });
    const refusal = { code: 'ERR_CHECKPOINT', message: expect.stringMatching(message) as string };
    await expect(openCheckpoint(join(folder, 'x'))).rejects.toMatchObject(refusal);
    await expect(openCheckpoint(join(folder, 'x'))).rejects.toThrow(join(folder, 'x'));
    await expect(open(new Map([['x', bytes]]), 'x')).rejects.toMatchObject(refusal);
  });

  it('of NumPy with one array, which is no dictionary', async () => {
    await write({ 'x.npy': latin('\x93NUMPY\x01\x00') });
    const opened = openCheckpoint(join(folder, 'x.npy'));
    await expect(opened).rejects.toThrow(/save_file\(\{"array": numpy\.load\("\S*x\.npy"\)\}/);
  });

  it.each([
    ['without a checkpoint', { 'a.txt': text('a') }, /found a\.txt.*Expected one/s],
    ['without files', {}, /found no files/],
    [
      'with several',
      { 'a.onnx': text('a'), 'b.onnx': text('b') },
      /several checkpoints.*a\.onnx, b\.onnx/,
    ],
    ['with PyTorch files', { 'pytorch_model.bin': zip('archive/data.pkl') }, /torch\.load/],
  ])('in a folder %s', async (_, files, message) => {
    await write(files);
    await expect(openCheckpoint(folder)).rejects.toMatchObject({
      code: 'ERR_CHECKPOINT',
      message: expect.stringMatching(message) as string,
    });
  });

  it('where there is none', async () => {
    const path = join(folder, 'gone.safetensors');
    await expect(openCheckpoint(path)).rejects.toMatchObject({
      code: 'ERR_CHECKPOINT',
      message: expect.stringContaining(`${path}: there is no such file`) as string,
    });
  });
});

describe.each([
  ['an index', (path: string) => ({ 'x.json': shardIndex(path) })],
  ['a model.json', (path: string) => ({ 'x.json': modelJson(path) })],
  [
    'an ONNX model',
    (path: string) => ({ 'x.json': modelBytes(model([external('w', [2], { location: path })])) }),
  ],
])('a file that %s names is refused', (_, files) => {
  it.each([
    ['../secret'],
    ['sub/../../secret'],
    ['/etc/passwd'],
    ['C:\\secret'],
    ['link'],
    ['gone'],
    ['sub'],
    ['.'],
  ])('%s', async (path) => {
    const inner = join(folder, 'inner');
    await mkdir(join(inner, 'sub'), { recursive: true });
    await write({ secret: f32(1, 2) });
    await symlink(join(folder, 'secret'), join(inner, 'link'));
    for (const [name, bytes] of Object.entries(files(path))) {
      await writeFile(join(inner, name), bytes);
    }
    const refusal = { code: 'ERR_CHECKPOINT' };
    await expect(openCheckpoint(join(inner, 'x.json'))).rejects.toMatchObject(refusal);
    await expect(openCheckpoint(join(inner, 'x.json'))).rejects.toThrow(join(inner, 'x.json'));
  });
});
