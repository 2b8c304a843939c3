import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { onnxBackend } from '@polyak/backend-onnx';
import { fromSafetensors, SWA, toSafetensors } from '@polyak/core';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';

import { step64, trainStepGraph } from './train-step-graph.js';
import type { State64 } from './train-step-graph.js';

import { open, cell, batches, tensorOf, numbers, stateOf, expectClose, start } from './opened.js';

describe('trainStepOptimizer', () => {
  it("takes SGD steps with momentum and weight decay, at the group's learning rate", async () => {
    const optimizer = await open();
    const next = batches();
    const expected: State64 = { weight: start, velocity: [0, 0] };
    for (let step = 0; step < 30; step += 1) {
      const lr = 0.1 / (1 + step);
      for (const group of optimizer.paramGroups) group.lr = lr;
      const { x, y, feeds } = next();
      expect(await optimizer.minimize(feeds)).toBeCloseTo(step64(expected, x, y, lr), 5);
      expectClose(numbers(tensorOf(optimizer)), expected.weight);
    }
  });

  it('makes cells that start from zeros for what lives on without being trained', async () => {
    const optimizer = await open();
    expect(Object.keys(await stateOf(optimizer))).toEqual(['velocity', 'steps']);
    expect(await stateOf(optimizer)).toMatchObject({ steps: { data: BigInt64Array.of(0n) } });
    const next = batches();
    for (let step = 0; step < 3; step += 1) await optimizer.minimize(next().feeds);
    expect(await stateOf(optimizer)).toMatchObject({
      steps: { dtype: 'int64', data: BigInt64Array.of(3n) },
    });
  });

  it('shares the cells of the state that it is given', async () => {
    const velocity = cell('velocity', [1, 2]);
    const optimizer = await open({ state: [velocity] });
    const expected: State64 = { weight: start, velocity: [1, 2] };
    const { x, y, feeds } = batches()();
    await optimizer.minimize(feeds);
    step64(expected, x, y, 0.1);
    expectClose(numbers(velocity.get()), expected.velocity);
  });

  it('names the tensors that a batch holds', async () => {
    expect((await open()).feedNames).toEqual(['x', 'y']);
  });

  it('takes other names', async () => {
    const rename = {
      lr: 'eta',
      loss: 'cost',
      weight_new: 'next/weight',
      velocity_new: 'next/velocity',
    };
    const options = {
      lrInput: 'eta',
      lossOutput: 'cost',
      newName: (name: string) => `next/${name}`,
    };
    const [plain, renamed] = [await open(), await open(options, trainStepGraph({ rename }))];
    const { feeds } = batches()();
    // "steps" goes in and "steps_new" comes out, which is not its new name here.
    expect(renamed.feedNames).toEqual(['steps', 'x', 'y']);
    const steps = new ort.Tensor('int64', [0n], []);
    expect(await renamed.minimize({ ...feeds, steps })).toBe(await plain.minimize(feeds));
    expect(numbers(tensorOf(renamed))).toEqual(numbers(tensorOf(plain)));
  });

  it('takes a learning rate that is a list of one', async () => {
    const [plain, shaped] = [await open(), await open({}, trainStepGraph({ shapes: { lr: [1] } }))];
    const { feeds } = batches()();
    expect(await shaped.minimize(feeds)).toBe(await plain.minimize(feeds));
  });

  it('loads the graph from a file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'polyak-step-'));
    const path = join(folder, 'step.onnx');
    await writeFile(path, trainStepGraph());
    const { feeds } = batches()();
    expect(await (await open({}, path)).minimize(feeds)).toBe(await (await open()).minimize(feeds));
    await rm(folder, { recursive: true });
  });

  it('never writes into a tensor, so that one taken from a cell stays as it was', async () => {
    const optimizer = await open();
    const next = batches();
    const taken: { tensor: ort.Tensor; copy: readonly number[] }[] = [];
    for (let step = 0; step < 5; step += 1) {
      taken.push({ tensor: tensorOf(optimizer), copy: numbers(tensorOf(optimizer)) });
      await optimizer.minimize(next().feeds);
    }
    for (const { tensor, copy } of taken) expect(numbers(tensor)).toEqual(copy);
    expect(new Set(taken.map(({ copy }) => copy.join())).size).toBe(5);
  });

  it('goes on from what was set into a cell meanwhile', async () => {
    const [first, second] = [await open(), await open()];
    const next = batches();
    await first.minimize(next().feeds);
    await second.loadStateDict(await first.stateDict());
    await second.paramGroups[0]?.params[0]?.set(tensorOf(first));
    const { feeds } = next();
    expect(await second.minimize(feeds)).toBe(await first.minimize(feeds));
    expect(numbers(tensorOf(second))).toEqual(numbers(tensorOf(first)));
  });
});

describe('SWA over trainStepOptimizer', () => {
  it('averages the weights that the steps visit, at the rate of SWA', async () => {
    const optimizer = await open();
    const swa = new SWA(optimizer, {
      backend: await onnxBackend(ort),
      swaStart: 4,
      swaFreq: 2,
      swaLr: 0.05,
    });
    const next = batches();
    const visited: (readonly number[])[] = [];
    const rates: number[] = [];
    for (let step = 1; step <= 10; step += 1) {
      const loss = await swa.step(async () => optimizer.minimize(next().feeds));
      expect(loss).toBeGreaterThan(0);
      rates.push(optimizer.paramGroups[0]?.lr ?? Number.NaN);
      if (step > 4 && step % 2 === 0) visited.push(numbers(tensorOf(optimizer)));
    }
    expect(rates).toEqual([0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05]);
    const live = numbers(tensorOf(optimizer));
    await swa.swapSwaSgd();
    expectClose(
      numbers(tensorOf(optimizer)),
      start.map(
        (_, i) => visited.reduce((sum, weight) => sum + (weight[i] ?? 0), 0) / visited.length,
      ),
    );
    await swa.swapSwaSgd();
    expect(numbers(tensorOf(optimizer))).toEqual(live);
  });

  it('resumes from a saved state bit for bit: averages, momenta, counters, rate', async () => {
    const backend = await onnxBackend(ort);
    const next = batches();
    const before = await open();
    const swa = new SWA(before, { backend, swaStart: 2, swaFreq: 1 });
    for (let step = 0; step < 6; step += 1)
      await swa.step(async () => before.minimize(next().feeds));
    const bytes = toSafetensors(await swa.stateDict());

    const after = await open({ parameters: [cell('weight', numbers(tensorOf(before)))], lr: 7 });
    const resumed = new SWA(after, { backend, swaStart: 2, swaFreq: 1 });
    await resumed.loadStateDict(fromSafetensors(bytes));
    expect(after.paramGroups[0]?.lr).toBe(0.1);
    for (let step = 0; step < 6; step += 1) {
      const { feeds } = next();
      expect(await resumed.step(async () => after.minimize(feeds))).toBe(
        await swa.step(async () => before.minimize(feeds)),
      );
    }
    expect(toSafetensors(await resumed.stateDict())).toEqual(toSafetensors(await swa.stateDict()));
    expect(numbers(tensorOf(after))).toEqual(numbers(tensorOf(before)));
  });
});
