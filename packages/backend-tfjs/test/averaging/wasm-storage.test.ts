// Updates within the memory of tfjs's WebAssembly module, and in tfjs's operations where that
// memory cannot be had.
import { tfjsBackend } from '@polyak/backend-tfjs';
import * as tf from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { afterEach, describe, expect, it } from 'vitest';
import { setRuntime, useRuntime } from '../../../../tests/support/tfjs/runtimes.js';
import { averaged, compensated, manyMagnitudes } from './rounding.js';

interface Module {
  asm: Record<string, unknown>;
}

function module(): Module {
  return (tf.backend() as BackendWasm).wasm as unknown as Module;
}

function variable(data: Float32Array): tf.Variable {
  return tf.tidy(() => tf.variable(tf.tensor1d(data), false));
}

/** The operations of tfjs that an update of these tensors runs. */
async function operations(average: tf.Tensor, live: tf.Tensor): Promise<readonly string[]> {
  const backend = tfjsBackend(tf);
  const { kernels } = await tf.profile(() => {
    void backend.average([{ average, live, weight: 0.5 }]);
    return [];
  });
  return kernels.map(({ name }) => name);
}

const [LENGTH, WEIGHT] = [1003, 1e-3];
const average = manyMagnitudes(LENGTH, 1);
const residual = average.map((a) => a * 2 ** -25);
const live = manyMagnitudes(LENGTH, 2);

/** One update without and one with a residual: all that is in the variables then. */
function update(): readonly (readonly number[])[] {
  const held = [average, average, residual, live].map(variable) as [
    tf.Variable,
    tf.Variable,
    tf.Variable,
    tf.Variable,
  ];
  void tfjsBackend(tf).average([
    { average: held[0], live: held[3], weight: WEIGHT },
    { average: held[1], residual: held[2], live: held[3], weight: WEIGHT },
  ]);
  const found = held.map((each) => [...each.dataSync()]);
  tf.dispose(held);
  return found;
}

const pairs = Array.from(average, (a, i) =>
  compensated(a, residual[i] as number, live[i] as number, WEIGHT),
);
const EXPECTED = [
  Array.from(average, (a, i) => averaged(a, live[i] as number, WEIGHT)),
  pairs.map(([sum]) => sum),
  pairs.map(([, error]) => error),
  [...live],
];

describe('averages on wasm', () => {
  useRuntime('wasm');

  it('are updated without an operation of tfjs', async () => {
    const [a, p] = [variable(average), variable(live)];
    expect(await operations(a, p)).toEqual([]);
    tf.dispose([a, p]);
  });

  it('are rounded as float32, and leave the live weights alone', () => {
    const before = tf.memory();
    expect(update()).toEqual(EXPECTED);
    expect(tf.memory()).toEqual(before);
  });

  it('are right where tfjs has to grow its memory for the results', () => {
    const backend = tfjsBackend(tf);
    const size = 400_000;
    const held: tf.Variable[] = [];
    const { memory } = module().asm as { memory: { readonly buffer: ArrayBuffer } };
    let grew = 0;
    for (let round = 0; grew < 2; round += 1) {
      const [a, p] = [1, 2].map((seed) => variable(manyMagnitudes(size, round + seed)));
      if (a === undefined || p === undefined) throw new Error('nothing was made');
      held.push(a, p);
      const [before, was] = [a.dataSync(), memory.buffer];
      void backend.average([{ average: a, live: p, weight: 0.25 }]);
      if (memory.buffer !== was) grew += 1;
      const [after, target] = [a.dataSync(), p.dataSync()];
      const isRight = (value: number, i: number): boolean =>
        value === averaged(before[i] as number, target[i] as number, 0.25);
      expect(after.every(isRight)).toBe(true);
    }
    tf.dispose(held);
  });

  it('follow live weights that were made on another backend', async () => {
    await setRuntime('cpu');
    const p = variable(live);
    await setRuntime('wasm');
    const a = variable(average);
    void tfjsBackend(tf).average([{ average: a, live: p, weight: WEIGHT }]);
    expect([...a.dataSync()]).toEqual(EXPECTED[0]);
    expect(tfjsBackend(tf).allFinite([a, p])).toEqual([true, true]);
    tf.dispose([a, p]);
  });

  it('are checked where tfjs has to grow its memory to move them there', async () => {
    await setRuntime('cpu');
    const held = Array.from({ length: 6 }, () => variable(new Float32Array(5_000_000)));
    await setRuntime('wasm');
    const { memory } = module().asm as { memory: { readonly buffer: ArrayBuffer } };
    const was = memory.buffer;
    expect(tfjsBackend(tf).allFinite(held)).toEqual(held.map(() => true));
    expect(memory.buffer).not.toBe(was);
    tf.dispose(held);
  });
});

describe('averages on wasm, where its memory', () => {
  useRuntime('wasm');

  let asm: Record<string, unknown> | undefined;

  afterEach(() => {
    if (asm !== undefined) module().asm = asm;
  });

  const shared = { initial: 512, maximum: 512, shared: true };

  it.each([
    ['is not exported', undefined],
    ['is shared between threads', new WebAssembly.Memory(shared)],
    ['is not the one that is exported', new WebAssembly.Memory({ initial: 65_536 / 4 })],
  ])('%s, are updated by operations, to the same bits', async (_, memory) => {
    asm = module().asm;
    module().asm = { ...asm, memory };
    const before = tf.memory().numTensors;
    const [a, p] = [variable(average), variable(live)];
    expect(await operations(a, p)).toContain('Sub');
    expect(update()).toEqual(EXPECTED);
    tf.dispose([a, p]);
    expect(tf.memory().numTensors).toBe(before);
  });
});
