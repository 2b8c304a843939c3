// Models loaded and run with other weights, on the real runtime, through real files.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { create, fromBinary } from '@bufbuild/protobuf';
import type { OnnxModel } from '@polyak/backend-onnx';
import { loadOnnxModel } from '@polyak/backend-onnx';
import { ModelProtoSchema, TensorProtoSchema } from '@polyak/backend-onnx/proto';
import * as ort from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ELEMENT, graph, model, modelBytes, node, tensor, value } from '../model-builder.js';
import { f32, feeds, gemm, numbers, outputOf, withModel } from '../small-model.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'polyak-onnx-model-'));
});
afterAll(async () => rm(folder, { recursive: true }));

describe('a file with batch norm in training mode', () => {
  it('keeps its running statistics over runs, which ONNX Runtime would write over', async () => {
    const path = fileURLToPath(new URL('../fixtures/conv-training.onnx', import.meta.url));
    const loaded = await loadOnnxModel(ort, path);
    const read = (): number[][] =>
      [...loaded.initializers.values()].map((cell) => Array.from(cell.get().data as Float32Array));
    const before = read();
    const dims = [4, 2, 8, 8];
    const x = new ort.Tensor(
      'float32',
      Float32Array.from({ length: 512 }, (_, n) => Math.sin(n)),
      dims,
    );
    const [name = ''] = loaded.inputNames;
    for (let run = 0; run < 3; run += 1) await loaded.run({ [name]: x });
    expect(read()).toEqual(before);
    await loaded.release();
  });
});

describe('loadOnnxModel', () => {
  it('computes what the file computes', async () => {
    const bytes = modelBytes(gemm());
    await withModel(bytes, async (loaded) => {
      expect(numbers((await loaded.run(feeds()))['y'])).toEqual(await outputOf(bytes));
      expect(numbers((await loaded.run(feeds()))['y'])).toEqual([18, 32]);
      expect(loaded.inputNames).toEqual(['x']);
      expect(loaded.outputNames).toEqual(['y']);
    });
  });

  it('reads a path as it reads bytes', async () => {
    const path = join(folder, 'path.onnx');
    await writeFile(path, modelBytes(gemm()));
    await withModel(path, async (loaded) =>
      expect(numbers((await loaded.run(feeds()))['y'])).toEqual([18, 32]),
    );
  });

  it('runs with the weights that were set last, whatever the file held', async () => {
    await withModel(modelBytes(gemm()), async (loaded) => {
      await loaded.initializers.get('w')?.set(f32([0, 0, 0, 0], [2, 2]));
      expect(numbers((await loaded.run(feeds()))['y'])).toEqual([10, 20]);
      await loaded.initializers.get('b')?.set(f32([5, 6], [2]));
      expect(numbers((await loaded.run(feeds()))['y'])).toEqual([5, 6]);
    });
  });

  it('makes weights of float initializers and leaves the others in the graph', async () => {
    await withModel(modelBytes(gemm()), (loaded) => {
      expect([...loaded.initializers.keys()]).toEqual(['w', 'b']);
      expect(loaded.parameters.map(({ name }) => name)).toEqual(['w', 'b']);
      expect(loaded.proto.graph?.initializer.map(({ name }) => name)).toEqual(['shape']);
      expect(loaded.proto.graph?.input.map(({ name }) => name)).toEqual(['x', 'w', 'b']);
      return Promise.resolve();
    });
  });

  it('leaves what `embed` names in the graph', async () => {
    await withModel(
      modelBytes(gemm()),
      async (loaded) => {
        expect([...loaded.initializers.keys()]).toEqual(['w']);
        expect(numbers((await loaded.run(feeds()))['y'])).toEqual([18, 32]);
      },
      { embed: ['b'] },
    );
    await expect(loadOnnxModel(ort, modelBytes(gemm()), { embed: ['c'] })).rejects.toThrow(
      RangeError,
    );
  });

  it.each([
    ['float32', [1.5, -2], 'floatData'],
    ['float64', [1.5, -2], 'doubleData'],
    ['float16', [0x3e00, 0xc000], 'int32Data'],
  ] as const)('reads %s from raw data and from numbers', async (dtype, values, field) => {
    const typed = create(TensorProtoSchema, { name: 'w', dims: [2n], dataType: ELEMENT[dtype] });
    typed[field] = [...values];
    for (const w of [typed, tensor('w', [2], values, dtype)]) {
      const bytes = modelBytes(
        model({
          nodes: [node('Add', ['x', 'w'], ['y'])],
          initializers: [w],
          inputs: [value('x', [2], dtype)],
          outputs: [value('y', [2], dtype)],
        }),
      );
      await withModel(bytes, async (loaded) => {
        const held = loaded.initializers.get('w')?.get();
        expect(held?.type).toBe(dtype);
        expect(held?.dims).toEqual([2]);
        const elements = held?.data as Float32Array;
        const isHalf = dtype === 'float16';
        const bits = isHalf ? new Uint16Array(elements.buffer, elements.byteOffset, 2) : elements;
        expect([...bits]).toEqual([...values]);
        const { y } = await loaded.run({ x: held as ort.Tensor });
        expect(y?.type).toBe(dtype);
      });
    }
  });

  it('takes initializers that are also inputs (up to IR version 3) as weights only', async () => {
    const old = gemm();
    old.irVersion = 3n;
    old.graph?.input.push(value('w', [2, 2]), value('shape', [2], 'int64'), value('b', ['n']));
    await withModel(modelBytes(old), async (loaded) => {
      expect(loaded.inputNames).toEqual(['x']);
      await loaded.initializers.get('b')?.set(f32([0, 0], [2]));
      expect(numbers((await loaded.run(feeds()))['y'])).toEqual([8, 12]);
      const again = fromBinary(ModelProtoSchema, await loaded.toBytes());
      expect(again.graph?.input.map(({ name }) => name)).toEqual(['x', 'w', 'shape', 'b']);
    });
  });

  it('refuses an initializer that is declared as an input of another shape', async () => {
    const odd = gemm();
    odd.graph?.input.push(value('w', [4]));
    await expect(loadOnnxModel(ort, modelBytes(odd))).rejects.toMatchObject({ code: 'ERR_MODEL' });
  });

  it('leaves the initializers of branches in their branches', async () => {
    const branch = (name: string, number: number): ReturnType<typeof graph> =>
      graph({
        nodes: [node('Mul', ['w', `k_${name}`], [`out_${name}`])],
        initializers: [tensor(`k_${name}`, [1], [number])],
        outputs: [value(`out_${name}`, [1])],
        name,
      });
    const bytes = modelBytes(
      model({
        nodes: [
          node('Less', ['x', 'w'], ['less']),
          node('If', ['less'], ['y'], {
            then_branch: { graph: branch('then', 10) },
            else_branch: { graph: branch('else', 100) },
          }),
        ],
        initializers: [tensor('w', [1], [3])],
        inputs: [value('x', [1])],
        outputs: [value('y', [1])],
      }),
    );
    const use = async (loaded: OnnxModel): Promise<void> => {
      expect([...loaded.initializers.keys()]).toEqual(['w']);
      expect(numbers((await loaded.run({ x: f32([1], [1]) }))['y'])).toEqual([30]);
      expect(numbers((await loaded.run({ x: f32([5], [1]) }))['y'])).toEqual([300]);
    };
    await withModel(bytes, use, { onWarning: () => undefined });
  });

  it('feeds constants that shapes depend on: Resize, Clip, Pad', async () => {
    const bytes = modelBytes(
      model({
        nodes: [
          node('Resize', ['x', '', 'scales'], ['big']),
          node('Clip', ['big', 'low', 'high'], ['clipped']),
          node('Pad', ['clipped', 'pads', 'fill'], ['y']),
        ],
        initializers: [
          tensor('scales', [4], [1, 1, 1, 2]),
          tensor('low', [], [0]),
          tensor('high', [], [2]),
          tensor('pads', [8], [0, 0, 0, 1, 0, 0, 0, 0], 'int64'),
          tensor('fill', [], [9]),
        ],
        inputs: [value('x', [1, 1, 1, 2])],
        outputs: [value('y', [1, 1, 1, 5])],
      }),
    );
    await withModel(bytes, async (loaded) => {
      expect(loaded.parameters).toHaveLength(4);
      expect(numbers((await loaded.run({ x: f32([1, 5], [1, 1, 1, 2]) }))['y'])).toEqual([
        9, 1, 1, 2, 2,
      ]);
    });
  });

  it('serves initializers that are outputs, or that nothing reads', async () => {
    const parts = gemm();
    parts.graph?.initializer.push(tensor('unused', [1], [1]));
    parts.graph?.output.push(value('b', [2]));
    await withModel(modelBytes(parts), async (loaded) => {
      await loaded.initializers.get('b')?.set(f32([1, 2], [2]));
      expect(numbers((await loaded.run(feeds()))['b'])).toEqual([1, 2]);
    });
  });
});

describe('run', () => {
  it('names what is missing and what is unknown', async () => {
    await withModel(modelBytes(gemm()), async (loaded) => {
      await expect(loaded.run({})).rejects.toThrow(/no tensor is fed for x/);
      await expect(loaded.run({ ...feeds(), z: f32([1], [1]) })).rejects.toThrow(
        /"z" is not an input/,
      );
      await expect(loaded.run({ ...feeds(), w: f32([1], [1]) })).rejects.toThrow(/"w" is a weight/);
    });
  });

  it('wraps what ONNX Runtime says', async () => {
    await withModel(modelBytes(gemm()), async (loaded) => {
      const run = loaded.run({ x: f32([1, 2, 3], [1, 3]) });
      await expect(run).rejects.toMatchObject({
        code: 'ERR_MODEL',
        cause: expect.any(Error) as Error,
      });
    });
  });

  it('refuses a disposed weight by name', async () => {
    await withModel(modelBytes(gemm()), async (loaded) => {
      loaded.initializers.get('w')?.get().dispose();
      await expect(loaded.run(feeds())).rejects.toMatchObject({ code: 'ERR_DISPOSED' });
      await expect(loaded.toBytes()).rejects.toMatchObject({ code: 'ERR_DISPOSED' });
    });
  });
});

describe('release', () => {
  it('waits for what runs, may be called twice, and refuses what comes later', async () => {
    const loaded = await loadOnnxModel(ort, modelBytes(gemm()));
    const running = loaded.run(feeds());
    await Promise.all([loaded.release(), loaded.release()]);
    expect(numbers((await running)['y'])).toEqual([18, 32]);
    await expect(loaded.run(feeds())).rejects.toMatchObject({ code: 'ERR_DISPOSED' });
    await expect(loaded.toBytes()).rejects.toMatchObject({ code: 'ERR_DISPOSED' });
  });
});

it('reads bytes that are a Buffer in the middle of others', async () => {
  const bytes = modelBytes(gemm());
  const around = Buffer.concat([Buffer.alloc(3), bytes, Buffer.alloc(5)]);
  const middle = around.subarray(3, 3 + bytes.length);
  await withModel(middle, async (loaded) => {
    around.fill(0xff); // the model has copied what it needs
    expect(numbers((await loaded.run(feeds()))['y'])).toEqual([18, 32]);
    expect(await outputOf(await loaded.toBytes())).toEqual([18, 32]);
  });
});
