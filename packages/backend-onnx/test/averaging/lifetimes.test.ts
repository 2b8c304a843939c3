// What stays in memory: nothing that grows with the number of rounds.
import process from 'node:process';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { onnxBackend, onnxParameter } from '@polyak/backend-onnx';
import { observedOptimizer, SWA } from '@polyak/core';
import * as ort from 'onnxruntime-node';
import { expect, it } from 'vitest';
import { identity } from './identity.js';

const ROUNDS = 5000;
const STRETCHES = 4;
/** A leak of the smallest of these would be 20 MB in each stretch, one of all of them 200 MB. */
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
  const session = await ort.InferenceSession.create(identity);
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
    expect(backend.memory()).toEqual({ tensors: LENGTHS.length, sessions: 0 });
  }
  expect(Math.max(...growth.map(({ used }) => used))).toBeLessThan(5);
  // V8 keeps more and more memory for young objects, in steps, up to a bound: by 40 MB in one
  // stretch on Node 24 and later. A leak outside of its heap is in every stretch.
  expect(Math.min(...growth.map(({ resident }) => resident))).toBeLessThan(10);
  expect(parameter?.get().data[0]).toBe((ROUNDS - 1) % 10);

  await swa.dispose();
  await session.release();
  await backend.release();
  expect(backend.memory()).toEqual({ tensors: 0, sessions: 0 });
}, 300_000);
