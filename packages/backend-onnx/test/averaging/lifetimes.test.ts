// What stays in memory: nothing that grows with the number of rounds.
import process from 'node:process';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { onnxBackend, onnxParameter } from '@polyak/backend-onnx';
import { observedOptimizer, SWA } from '@polyak/core';
import * as ort from 'onnxruntime-node';
import { expect, it, vi } from 'vitest';
import { copyKernel, kernelModel } from '../../src/averaging/kernel-graph.js';

const ROUNDS = 5000;
const STRETCHES = 4;
/** A leak of the smallest of these tensors would be 20 MB in each stretch, one of all of them 200 MB. */
const LENGTHS = [1000, 2000, 7000];
const MEGABYTE = 2 ** 20;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What the process holds that is neither garbage nor waits to be freed, in megabytes. */
async function megabytes(): Promise<{ readonly used: number; readonly resident: number }> {
  for (let n = 0; n < 3; n += 1) {
    collectGarbage();
    await new Promise(setImmediate);
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  return { used: (heapUsed + external) / MEGABYTE, resident: rss / MEGABYTE };
}

it('holds no more memory after more rounds of an update, two swaps and a run', async () => {
  const backend = await onnxBackend(ort);
  const session = await ort.InferenceSession.create(kernelModel(copyKernel('float32'), 1));
  const params = LENGTHS.map((length, n) =>
    onnxParameter(`p${n}`, new ort.Tensor('float32', new Float32Array(length).fill(n), [length])),
  );
  const swa = new SWA(observedOptimizer([{ params, lr: 0.1 }]), { backend });
  const [parameter] = params;
  const round = async (n: number): Promise<void> => {
    for (const each of params) (each.get().data as Float32Array).fill(n % 10);
    await swa.updateSwa();
    await swa.swapSwaSgd();
    const { to } = await session.run({ from: parameter?.get() as ort.Tensor });
    to?.dispose();
    await swa.swapSwaSgd();
  };

  const growth: { readonly used: number; readonly resident: number }[] = [];
  for (let n = 0; n < ROUNDS; n += 1) await round(n);
  for (let stretch = 0; stretch < STRETCHES; stretch += 1) {
    const before = await megabytes();
    for (let n = 0; n < ROUNDS; n += 1) await round(n);
    const after = await megabytes();
    growth.push({ used: after.used - before.used, resident: after.resident - before.resident });
    expect(backend.memory()).toEqual({ tensors: LENGTHS.length, sessions: 1 });
  }
  expect(Math.max(...growth.map(({ used }) => used))).toBeLessThan(5);
  // V8 keeps more and more memory for young objects, in steps, up to a bound: by 40 MB in one stretch
  // on Node 24 and later. A leak outside of its heap is in every stretch.
  expect(Math.min(...growth.map(({ resident }) => resident))).toBeLessThan(10);
  expect(parameter?.get().data[0]).toBe((ROUNDS - 1) % 10);

  await swa.dispose();
  await session.release();
  await backend.release();
  expect(backend.memory()).toEqual({ tensors: 0, sessions: 0 });
}, 300_000);

it('releases every session that it made', async () => {
  const create = ort.InferenceSession.create.bind(ort.InferenceSession);
  const sessions: ort.InferenceSession[] = [];
  const spy = vi
    .spyOn(ort.InferenceSession, 'create')
    .mockImplementation(async (model, options) => {
      const session = await create(model, options);
      sessions.push(session);
      return session;
    });
  const backend = await onnxBackend(ort);
  const averages = await backend.upload([
    { dtype: 'float32', shape: [3], data: Float32Array.of(1, 2, 3) },
  ]);
  const live = await backend.cast(averages, ['float16']);
  await backend.average(averages, live, 0.5);
  await backend.averageCompensated(averages, await backend.clone(averages), live, 0.5);
  expect(backend.memory().sessions).toBe(sessions.length);
  expect(sessions.length).toBeGreaterThan(3);
  await backend.release();
  spy.mockRestore();
  for (const session of sessions)
    await expect(session.release()).rejects.toThrow('already disposed');
});
