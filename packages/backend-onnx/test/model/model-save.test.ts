// What save writes, and what it leaves where it fails.
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, equals, fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema, StringStringEntryProtoSchema } from '@polyak/backend-onnx/proto';
import * as ort from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { model, modelBytes, node, tensor, value } from '../model-builder.js';
import { f32, feeds, gemm, numbers, outputOf, withModel } from '../small-model.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'polyak-onnx-model-'));
});
afterAll(async () => rm(folder, { recursive: true }));

describe('save', () => {
  it('writes the weights as they are now', async () => {
    const path = join(folder, 'now.onnx');
    await withModel(modelBytes(gemm()), async (loaded) => {
      await loaded.initializers.get('w')?.set(f32([0, 0, 0, 0], [2, 2]));
      await loaded.save(path);
      expect(await outputOf(await readFile(path))).toEqual([10, 20]);
      expect(await outputOf(await loaded.toBytes())).toEqual([10, 20]);
    });
  });

  it('refuses an option that it does not have, and writes nothing', async () => {
    const path = join(folder, 'odd.onnx');
    const odd = { externaldata: true } as object;
    await withModel(modelBytes(gemm()), async (loaded) => {
      await expect(loaded.save(path, odd)).rejects.toThrow(
        new TypeError('save: there is no option "externaldata". Expected { externalData }.'),
      );
    });
    expect(await readdir(folder)).not.toContain('odd.onnx');
  });

  it('leaves all else as it was: texts, metadata, order, unknown fields', async () => {
    const rich = gemm();
    rich.docString = 'a model';
    rich.modelVersion = 7n;
    rich.producerVersion = '1.2';
    rich.domain = 'org.example';
    rich.metadataProps.push(create(StringStringEntryProtoSchema, { key: 'a', value: 'b' }));
    rich.$unknown = [{ no: 1000, wireType: 2, data: Uint8Array.of(3, 1, 2, 3) }];
    if (rich.graph !== undefined) {
      rich.graph.docString = 'a graph';
      rich.graph.$unknown = [{ no: 999, wireType: 0, data: Uint8Array.of(5) }];
      rich.graph.valueInfo.push(value('h', ['batch', 2]), value('w', [2, 2]));
    }
    for (const each of rich.graph?.initializer ?? []) each.docString = `doc of ${each.name}`;
    const bytes = modelBytes(rich);
    await withModel(bytes, async (loaded) => {
      expect(fromBinary(ModelProtoSchema, await loaded.toBytes())).toEqual(
        fromBinary(ModelProtoSchema, bytes),
      );
    });
  });

  it('writes large data beside the model on request, at pages, and reads them back', async () => {
    const path = join(folder, 'split.onnx');
    const width = 700;
    const ones = (length: number): number[] => Array.from({ length }, () => 1);
    const wide = model({
      nodes: [node('Gemm', ['x', 'w', 'b'], ['y']), node('Gather', ['b', 'index'], ['z'])],
      initializers: [
        tensor('w', [2, width], ones(2 * width)),
        tensor('b', [width], ones(width)),
        tensor('index', [200], ones(200), 'int64'),
      ],
      inputs: [value('x', [1, 2])],
      outputs: [value('y', [1, width]), value('z', [200])],
    });
    await withModel(modelBytes(wide), async (loaded) => loaded.save(path, { externalData: true }));
    const { graph: saved } = fromBinary(ModelProtoSchema, await readFile(path));
    const entries = saved?.initializer.map(({ externalData }) =>
      Object.fromEntries(externalData.map(({ key, value: text }) => [key, text])),
    );
    expect(entries).toEqual([
      { location: 'split.onnx.data', offset: '0', length: '5600' },
      { location: 'split.onnx.data', offset: '8192', length: '2800' },
      { location: 'split.onnx.data', offset: '12288', length: '1600' },
    ]);
    const embedded = join(folder, 'joined.onnx');
    await withModel(path, async (loaded) => {
      expect(numbers((await loaded.run(feeds()))['y'])).toEqual(ones(width).map(() => 3));
      await loaded.save(embedded);
      await loaded.save(path, { externalData: true }); // over itself
    });
    const session = await ort.InferenceSession.create(path);
    expect(numbers((await session.run(feeds()))['y'] as ort.Tensor)).toHaveLength(width);
    await session.release();
    expect(
      equals(ModelProtoSchema, fromBinary(ModelProtoSchema, await readFile(embedded)), wide),
    ).toBe(true);
  });

  it('leaves nothing behind where it fails, and the old file where there was one', async () => {
    const inside = join(folder, 'failing');
    await mkdir(join(inside, 'taken.onnx'), { recursive: true });
    await mkdir(join(inside, 'data.onnx.data'));
    await writeFile(join(inside, 'data.onnx'), 'old');
    const before = await readdir(inside);
    const large = model({
      nodes: [node('Add', ['x', 'w'], ['y'])],
      initializers: [
        tensor(
          'w',
          [512],
          Array.from({ length: 512 }, () => 1),
        ),
      ],
      inputs: [value('x', [1])],
      outputs: [value('y', [512])],
    });
    await withModel(modelBytes(large), async (loaded) => {
      for (const externalData of [false, true]) {
        const save = loaded.save(join(inside, 'taken.onnx'), { externalData });
        await expect(save).rejects.toMatchObject({
          code: 'ERR_MODEL',
          cause: expect.any(Error) as Error,
        });
      }
      const save = loaded.save(join(inside, 'data.onnx'), { externalData: true });
      await expect(save).rejects.toMatchObject({ code: 'ERR_MODEL' });
      const nowhere = loaded.save(join(inside, 'no', 'folder.onnx'));
      await expect(nowhere).rejects.toMatchObject({ code: 'ERR_MODEL' });
    });
    expect(await readdir(inside)).toEqual(before);
    expect(await readFile(join(inside, 'data.onnx'), 'utf8')).toBe('old');
  });

  it('refuses a weight of another shape than the file has', async () => {
    await withModel(modelBytes(gemm()), async (loaded) => {
      await loaded.initializers.get('w')?.set(f32([1], [1]));
      const path = join(folder, 'refused.onnx');
      await expect(loaded.save(path)).rejects.toMatchObject({ code: 'ERR_PARAMETERS' });
      expect(await readdir(folder)).not.toContain('refused.onnx');
    });
  });
});
