// float16 on every Node. From 23 on JavaScript has a Float16Array, which ORT's own JavaScript takes
// and its native half misreads: what the user made of one has to work, and so has what we make.
import {
  batchNormModel,
  onnxBackend,
  onnxParameter,
  trainStepOptimizer,
} from '@polyak/backend-onnx';
import type { HostArray } from '@polyak/core/interfaces';
import { bnUpdate } from '@polyak/core';
import * as ort from 'onnxruntime-node';
import { afterAll, describe, expect, it } from 'vitest';
import { model, modelBytes, node, tensor, value } from './model-builder.js';
import { withModel } from './small-model.js';

/** 1, 1.5 and -2. */
const BITS = [0x3c00, 0x3e00, 0xc000];

type HalfArray = new (buffer: ArrayBufferLike, byteOffset: number, length: number) => HostArray;
const { Float16Array: Halves = Uint16Array } = globalThis as { Float16Array?: HalfArray };

/** Bits in the array that this JavaScript has for them, in the middle of a larger buffer. */
function halves(...bits: readonly number[]): HostArray {
  const buffer = Uint16Array.of(0x7e00, ...bits, 0x7e00).buffer;
  return new Halves(buffer, 2, bits.length);
}

/** A tensor as users make them. */
function users(...bits: readonly number[]): ort.Tensor {
  return new ort.Tensor('float16', halves(...bits) as Uint16Array, [bits.length]);
}

function bitsOf(found: ort.Tensor | { readonly data: HostArray } | undefined): readonly number[] {
  if (found === undefined) return [];
  const { buffer, byteOffset, length } = found.data as Uint16Array;
  return [...new Uint16Array(buffer, byteOffset, length)];
}

/** y = x + w. */
const sum = modelBytes(
  model({
    nodes: [node('Add', ['x', 'w'], ['y'])],
    initializers: [tensor('w', [3], BITS, 'float16')],
    inputs: [value('x', [3], 'float16')],
    outputs: [value('y', [3], 'float16')],
  }),
);

const before = users(...BITS);
const backend = await onnxBackend(ort);
afterAll(async () => backend.release());

describe('tensors that the user made', () => {
  it.each([
    ['before the backend', () => before],
    ['after it', () => users(...BITS)],
  ])('are averaged, cast and copied: made %s', async (_, make) => {
    const live = make();
    const { data } = live;
    const wide = await backend.cast([live], ['float32']);
    expect(await backend.download(wide)).toEqual([
      { dtype: 'float32', shape: [3], data: Float32Array.of(1, 1.5, -2) },
    ]);
    const zeros = await backend.upload([
      { dtype: 'float32', shape: [3], data: new Float32Array(3) },
    ]);
    const [zero] = zeros;
    if (zero === undefined) throw new Error('unreachable');
    const result = await backend.average([{ average: zero, live, weight: 0.5 }]);
    expect(result.kind === 'averaged' && result.items[0]?.average.data).toEqual(
      Float32Array.of(0.5, 0.75, -1),
    );
    expect((await backend.clone([live])).map(bitsOf)).toEqual([BITS]);
    expect((await backend.download([live])).map(bitsOf)).toEqual([BITS]);
    expect(live.data).toBe(data);
  });

  it('are fed to a model, as inputs and as weights', async () => {
    await withModel(sum, async (loaded) => {
      expect(bitsOf((await loaded.run({ x: before }))['y'])).toEqual([0x4000, 0x4200, 0xc400]);
      await loaded.initializers.get('w')?.set(users(0, 0, 0x3c00));
      const { y } = await loaded.run({ x: users(...BITS) });
      expect(bitsOf(y)).toEqual([0x3c00, 0x3e00, 0xbc00]);
      expect(bitsOf((await loaded.run({ x: y as ort.Tensor }))['y'])).toEqual([0x3c00, 0x3e00, 0]);
    });
  });

  it('are read by a batch-norm update', async () => {
    const ones = [0x3c00, 0x3c00];
    const names = ['scale', 'bias', 'mean', 'variance'];
    const bytes = modelBytes(
      model({
        nodes: [node('BatchNormalization', ['x', ...names], ['y'])],
        initializers: names.map((name, n) => tensor(name, [2], n === 1 ? [0, 0] : ones, 'float16')),
        inputs: [value('x', ['n', 2], 'float16')],
        outputs: [value('y', ['n', 2], 'float16')],
      }),
    );
    await withModel(bytes, async (loaded) => {
      const batchNorm = batchNormModel(ort, loaded);
      const x = users(0x3c00, 0x4000, 0x4200, 0x4400).reshape([2, 2]); // [1, 2], [3, 4]
      await bnUpdate([{ x }], batchNorm);
      expect(bitsOf(loaded.initializers.get('mean')?.get())).toEqual([0x4000, 0x4200]);
      expect(bitsOf(loaded.initializers.get('variance')?.get())).toEqual([0x4000, 0x4000]);
      await batchNorm.release();
    });
  });

  it('are trained, and the loss is a number', async () => {
    const step = modelBytes(
      model({
        nodes: [
          node('Cast', ['lr'], ['rate'], { to: 10 }),
          node('Sub', ['w', 'x'], ['loss']),
          node('Mul', ['loss', 'rate'], ['way']),
          node('Sub', ['w', 'way'], ['w_new']),
        ],
        initializers: [],
        inputs: [value('lr', []), value('w', [1], 'float16'), value('x', [1], 'float16')],
        outputs: [value('loss', [1], 'float16'), value('w_new', [1], 'float16')],
      }),
    );
    const weight = onnxParameter('w', users(0x4400));
    const optimizer = await trainStepOptimizer(ort, step, { parameters: [weight], lr: 0.5 });
    expect(await optimizer.minimize({ x: users(0xc000) })).toBe(6);
    expect(bitsOf(weight.get())).toEqual([0x3c00]);
    expect(await optimizer.minimize({ x: users(0xc000) })).toBe(3);
    await optimizer.release();
  });
});

describe('tensors that this package made', () => {
  it('are fed to a session of the user', async () => {
    const [made] = await backend.upload([{ dtype: 'float16', shape: [3], data: halves(...BITS) }]);
    if (made === undefined) throw new Error('unreachable');
    const session = await ort.InferenceSession.create(
      modelBytes(
        model({
          nodes: [node('Neg', ['x'], ['y'])],
          initializers: [],
          inputs: [value('x', [3], 'float16')],
          outputs: [value('y', [3], 'float16')],
        }),
      ),
    );
    const [narrow] = await backend.cast(await backend.cast([made], ['float32']), ['float16']);
    for (const x of [made, narrow as ort.Tensor]) {
      expect(x.type).toBe('float16');
      expect(bitsOf((await session.run({ x }))['y'])).toEqual([0xbc00, 0xbe00, 0x4000]);
    }
    backend.dispose([made]);
    expect(made.location).toBe('none');
    await session.release();
  });

  it('do not take elements of another dtype for bits', () => {
    const wrong = { dtype: 'float16', shape: [1], data: Float32Array.of(1) } as const;
    expect(() => backend.upload([wrong])).toThrow(TypeError);
  });
});
