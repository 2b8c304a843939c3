// Tensors in files beside the model: every form of the specification, and what is refused.
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { averageModels, loadOnnxModel } from '@polyak/backend-onnx';
import type { ModelProto, TensorProto } from '@polyak/backend-onnx/proto';
import {
  StringStringEntryProtoSchema,
  TensorProto_DataLocation,
  TensorProtoSchema,
} from '@polyak/backend-onnx/proto';
import * as ort from 'onnxruntime-node';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import {
  ELEMENT,
  bytesOf,
  graph,
  model,
  modelBytes,
  node,
  tensor,
  value,
} from '../model-builder.js';
import type { BuilderDType } from '../model-builder.js';
import { f32, numbers } from '../small-model.js';

const folders: string[] = [];
let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'polyak-onnx-external-'));
  folders.push(folder);
});
afterAll(async () => {
  for (const made of folders) await rm(made, { recursive: true });
});

function external(
  name: string,
  dims: readonly number[],
  entries: Readonly<Record<string, string | number>>,
  dtype: BuilderDType = 'float32',
): TensorProto {
  return create(TensorProtoSchema, {
    name,
    dims: dims.map(BigInt),
    dataType: ELEMENT[dtype],
    dataLocation: TensorProto_DataLocation.EXTERNAL,
    externalData: Object.entries(entries).map(([key, text]) =>
      create(StringStringEntryProtoSchema, { key, value: String(text) }),
    ),
  });
}

const adding = (w: TensorProto): ModelProto =>
  model({
    nodes: [node('Add', ['x', 'w'], ['y'])],
    initializers: [w],
    inputs: [value('x', [1])],
    outputs: [value('y', ['n'])],
  });

const DATA = bytesOf(Float32Array.of(1, 2, 3, 4, 5));

async function write(proto: ModelProto, path = join(folder, 'model.onnx')): Promise<string> {
  await writeFile(path, modelBytes(proto));
  return path;
}

async function weightOf(source: string | Uint8Array, options = {}): Promise<number[]> {
  const loaded = await loadOnnxModel(ort, source, options);
  const { y } = await loaded.run({ x: f32([0], [1]) });
  await loaded.release();
  return numbers(y);
}

describe('external data', () => {
  it.each([
    ['the whole file', { location: 'data' }, [1, 2, 3, 4, 5]],
    ['an offset and a length', { location: 'data', offset: 4, length: 8 }, [2, 3]],
    ['an offset only', { location: 'data', offset: 12 }, [4, 5]],
    ['a length only', { location: 'data', length: 12 }, [1, 2, 3]],
    ['a checksum, which nothing checks', { location: 'data', length: 4, checksum: 'abc' }, [1]],
    ['an empty tensor', { location: 'data', offset: 20, length: 0 }, []],
  ])('are read from %s', async (_, entries, expected) => {
    await writeFile(join(folder, 'data'), DATA);
    const path = await write(adding(external('w', [expected.length], entries)));
    expect(await weightOf(path)).toEqual(expected);
  });

  it('are read where a tensor without a length takes a part of the file', async () => {
    await writeFile(join(folder, 'data'), DATA);
    expect(
      await weightOf(await write(adding(external('w', [2], { location: 'data', offset: 4 })))),
    ).toEqual([2, 3]);
  });

  it('are read from folders below the model', async () => {
    await mkdir(join(folder, 'parts'));
    await writeFile(join(folder, 'parts', 'data'), DATA);
    const path = await write(adding(external('w', [5], { location: 'parts/../parts/data' })));
    expect(await weightOf(path)).toEqual([1, 2, 3, 4, 5]);
  });

  it('are read for models that come as bytes where a folder is named', async () => {
    await writeFile(join(folder, 'data'), DATA);
    const bytes = modelBytes(adding(external('w', [5], { location: 'data' })));
    expect(await weightOf(bytes, { folder })).toEqual([1, 2, 3, 4, 5]);
    await expect(weightOf(bytes)).rejects.toThrow(/option `folder`/);
  });

  it("are read through links into the model's real folder, as in the cache of a hub", async () => {
    const blobs = join(folder, 'blobs');
    const snapshot = join(folder, 'snapshot');
    await mkdir(blobs);
    await mkdir(snapshot);
    await writeFile(join(blobs, 'f00'), DATA);
    await write(adding(external('w', [5], { location: 'model.onnx.data' })), join(blobs, 'ba5'));
    await symlink(join(blobs, 'f00'), join(snapshot, 'model.onnx.data'));
    await symlink(join(blobs, 'ba5'), join(snapshot, 'model.onnx'));
    expect(await weightOf(join(snapshot, 'model.onnx'))).toEqual([1, 2, 3, 4, 5]);
  });

  it('are read in branches, attributes and integers too, and are inside after saving', async () => {
    await writeFile(join(folder, 'data'), Buffer.concat([DATA, bytesOf(BigInt64Array.of(1n))]));
    const branch = (name: string, offset: number): ReturnType<typeof graph> =>
      graph({
        nodes: [node('Identity', [name], [`${name}_out`])],
        initializers: [external(name, [1], { location: 'data', offset, length: 4 })],
        outputs: [value(`${name}_out`, [1])],
        name,
      });
    const path = await write(
      model({
        nodes: [
          node('Constant', [], ['c'], {
            value: { tensor: external('', [1], { location: 'data', length: 4 }) },
          }),
          node('Less', ['x', 'c'], ['less']),
          node('If', ['less'], ['h'], {
            then_branch: { graph: branch('a', 4) },
            else_branch: { graph: branch('b', 8) },
          }),
          node('Reshape', ['h', 'shape'], ['y']),
        ],
        initializers: [
          external('shape', [1], { location: 'data', offset: 20, length: 8 }, 'int64'),
          tensor('w', [1], [1]),
        ],
        inputs: [value('x', [1])],
        outputs: [value('y', [1])],
      }),
    );
    const onWarning = (): void => undefined; // the weights of branches
    expect(await weightOf(path, { onWarning })).toEqual([2]);
    const loaded = await loadOnnxModel(ort, path, { onWarning });
    const bytes = await loaded.toBytes();
    await loaded.release();
    expect(await weightOf(bytes, { onWarning })).toEqual([2]);
  });
});

describe('external data are refused', () => {
  it.each([
    ['a parent folder', { location: '../secret' }, /leads out of the folder/],
    ['a parent folder in disguise', { location: 'parts/../../secret' }, /leads out of the folder/],
    ['an absolute path', { location: '/etc/passwd' }, /leads out of the folder/],
    ['a drive', { location: 'C:\\secret' }, /leads out of the folder/],
    ['the folder itself', { location: '.' }, /leads out of the folder/],
    ['a link out of the folder', { location: 'link' }, /a link out of the folder/],
    ['a file behind a linked folder', { location: 'linked/secret' }, /a link out of the folder/],
    ['a folder', { location: 'parts' }, /not a file/],
    ['a missing file', { location: 'gone' }, /ENOENT/],
    ['a name with a zero byte', { location: 'da\0ta' }, /null bytes/],
    ['an offset beyond the end', { location: 'data', offset: 24, length: 4 }, /it has 20 bytes/],
    ['a length beyond the end', { location: 'data', length: 24 }, /it has 20 bytes/],
    ['a length that is huge', { location: 'data', length: 2 ** 50 }, /it has 20 bytes/],
    ['a negative offset', { location: 'data', offset: -4 }, /an integer >= 0/],
    ['an offset that is not a number', { location: 'data', offset: 'four' }, /an integer >= 0/],
    [
      'a length that disagrees with the shape',
      { location: 'data', length: 8 },
      /8 bytes .* takes 20/,
    ],
    ['no location', { offset: 0 }, /expected one location/],
  ])('%s', async (_, entries, message) => {
    const inner = join(folder, 'inner');
    await mkdir(join(inner, 'parts'), { recursive: true });
    await writeFile(join(folder, 'secret'), DATA);
    await writeFile(join(inner, 'data'), DATA);
    await symlink(join(folder, 'secret'), join(inner, 'link'));
    await symlink(folder, join(inner, 'linked'));
    const path = await write(adding(external('w', [5], entries)), join(inner, 'model.onnx'));
    const error: unknown = await weightOf(path).catch((caught: unknown) => caught);
    expect(error).toMatchObject({
      code: 'ERR_MODEL',
      message: expect.stringMatching(message) as string,
    });
    expect((error as Error).message).toContain('"w"');
    expect((error as Error).message).toContain(path);
  });
});

it('averages models whose data are in other files', async () => {
  const paths = [];
  for (const [index, values] of [
    [1, 2],
    [3, 6],
  ].entries()) {
    await writeFile(join(folder, `data${index}`), bytesOf(Float32Array.from(values)));
    const path = join(folder, `model${index}.onnx`);
    paths.push(await write(adding(external('w', [2], { location: `data${index}` })), path));
  }
  const average = await averageModels(ort, paths);
  expect(numbers(average.initializers.get('w')?.get())).toEqual([2, 4]);
  await average.release();
});
