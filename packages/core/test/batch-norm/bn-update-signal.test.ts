// Updates that a signal aborts: at each moment, everything is as it was.
import { cpuBackend } from '@polyak/backend-cpu';
import { AveragedModel, bnUpdate, ParameterSet } from '@polyak/core';
import type { AveragedBatchNorm } from '@polyak/core';
import type { BatchNormModel } from '@polyak/core/interfaces';
import { describe, expect, it } from 'vitest';
import { fill, read, weights } from '../../../../tests/support/sgd.js';
import { layer, modelOf } from '../support/sample-batches.js';
import type { Batch, FakeLayer } from '../support/sample-batches.js';

const backend = cpuBackend();
const REASON = { why: 'the user left' };
const BATCHES: readonly Batch[] = [
  [
    [1, 2],
    [3, 5],
  ],
  [
    [4, 1],
    [2, 8],
    [0, 3],
  ],
];
// In each batch, of the loader and the model; at the end, of the loader.
const CALLS = 2 * BATCHES.length + 1;
// Before the call, in each of these calls, and in two writes.
const MOMENTS = 1 + CALLS + 2;

/** A model and a loader that abort a signal at one moment of the update. */
class Scene {
  readonly layers: readonly FakeLayer[] = [layer('a'), layer('b')];
  readonly #controller = new AbortController();
  #moments = 0;
  #abortAt: number;
  isOpen = false;
  /** Calls of the loader and the model. */
  calls = 0;

  constructor(abortAt: number) {
    this.#abortAt = abortAt;
    for (const each of this.layers) {
      const write = each.write.bind(each);
      each.write = (statistics) => {
        this.#pass();
        return write(statistics);
      };
    }
    this.#pass();
  }

  get batchNorm(): AveragedBatchNorm<Batch> {
    const model: BatchNormModel<Batch> = {
      ...modelOf(this.layers),
      batchMoments: async (batch, wanted) => {
        this.#called();
        return modelOf(this.layers).batchMoments(batch, wanted);
      },
    };
    return { model, loader: this.#loader(), signal: this.#controller.signal };
  }

  /** The same without a signal. */
  get unsignalled(): AveragedBatchNorm<Batch> {
    return { model: modelOf(this.layers), loader: BATCHES };
  }

  get statistics(): unknown {
    return this.layers.map(({ statistics: { mean, variance } }) => [[...mean], [...variance]]);
  }

  *#loader(): Generator<Batch> {
    this.isOpen = true;
    try {
      for (const batch of BATCHES) {
        this.#called();
        yield batch;
      }
      this.#called();
    } finally {
      this.isOpen = false;
    }
  }

  #called(): void {
    this.calls += 1;
    this.#pass();
  }

  #pass(): void {
    if (this.#moments === this.#abortAt) this.#controller.abort(REASON);
    this.#moments += 1;
  }
}

async function update({ loader, model, ...options }: AveragedBatchNorm<Batch>): Promise<void> {
  await bnUpdate(loader, model, options);
}

async function expectAborted(call: Promise<unknown>): Promise<void> {
  const caught: unknown = await call.then(
    () => 'not aborted',
    (error: unknown) => error,
  );
  expect(caught).toBe(REASON);
}

const moments = Array.from({ length: MOMENTS }, (_, moment) => moment);

describe.each(moments)('a signal that is aborted at moment %d', (moment) => {
  it('ends bnUpdate with its reason, and the next call gives the same statistics', async () => {
    const [scene, other] = [new Scene(moment), new Scene(Infinity)];
    const before = scene.statistics;
    await expectAborted(update(scene.batchNorm));
    expect(scene.statistics).toEqual(before);
    expect([scene.isOpen, scene.calls]).toEqual([false, Math.min(moment, CALLS)]);
    await update(scene.unsignalled);
    await update(other.batchNorm);
    expect(scene.statistics).toEqual(other.statistics);
    expect(scene.statistics).not.toEqual(before);
  });

  it('ends withAveraged, and puts the live weights and statistics back', async () => {
    const scene = new Scene(moment);
    const before = scene.statistics;
    const cell = weights('w', [1]);
    const model = new AveragedModel([cell], { backend });
    fill(cell, 2);
    await model.update();
    fill(cell, 5);
    const tensors = backend.memory();
    const unreached = (): never => {
      throw new Error('evaluated');
    };
    await expectAborted(model.withAveraged(unreached, { batchNorm: scene.batchNorm }));
    expect([read(cell), scene.statistics, scene.isOpen]).toEqual([[5], before, false]);
    expect([model.isSwapped, backend.memory()]).toEqual([false, tensors]);

    // Nobody holds the places, so that others can use them too.
    const set = new ParameterSet([cell], { backend });
    const kept = await set.read();
    await expectAborted(
      set.withWeights(kept, unreached, { batchNorm: new Scene(moment).batchNorm }),
    );
    const shown = model.withAveraged(() => [read(cell), scene.statistics], {
      batchNorm: scene.unsignalled,
    });
    const other = new Scene(Infinity);
    await update(other.batchNorm);
    expect(await shown).toEqual([[2], other.statistics]);
    expect(scene.statistics).toEqual(before);
  });
});

it('an update without an abort passes all moments, and has the same statistics', async () => {
  const [scene, plain] = [new Scene(MOMENTS), new Scene(Infinity)];
  await update(scene.batchNorm);
  await update(plain.unsignalled);
  expect(scene.statistics).toEqual(plain.statistics);
  expect(scene.calls).toBe(CALLS);
});

it('refuses what is not a signal', async () => {
  const { batchNorm } = new Scene(Infinity);
  const wrong = { ...batchNorm, signal: { aborted: true } as never };
  await expect(update(wrong)).rejects.toThrow('bnUpdate: the signal is an object whose throwIf');
});

it('lets a timer abort an update in which nothing waits', async () => {
  const { statistics } = new Scene(Infinity);
  const layers = [layer('a'), layer('b')];
  const model = modelOf(layers);
  let calls = 0;
  const slow: BatchNormModel<Batch> = {
    ...model,
    batchMoments(batch, wanted) {
      calls += 1;
      const end = Date.now() + 10;
      while (Date.now() < end);
      return model.batchMoments(batch, wanted);
    },
  };
  const batches = Array.from({ length: 200 }, () => BATCHES[0] ?? []);
  const controller = new AbortController();
  setTimeout(() => controller.abort(REASON), 1);
  await expectAborted(bnUpdate(batches, slow, { signal: controller.signal }));
  expect(calls).toBeLessThan(200);
  expect(layers.map((each) => [[...each.statistics.mean], [...each.statistics.variance]])).toEqual(
    statistics,
  );
});
