// What is measured of a runtime: update and swap of one weight at each size, the batch-norm update
// and the training step of a network.
import { bnUpdate, observedOptimizer, SWA } from '@polyak/core';
import type { Options } from './options.js';
import { measurePaired } from './paired.js';
import type { Timing } from './paired.js';
import type { AnyRuntime, Work } from './runtime.js';

/** A row of the table: a measurement, or why there is none. */
export interface Row {
  readonly work: string;
  /** What is called, on what. */
  readonly name: string;
  /** The yardstick, in a few words. */
  readonly against: string;
  readonly timing?: Timing;
  /** Why there is no timing. */
  readonly failure?: string;
}

/** Times a variant against a reference on the device. */
type Time = (variant: Work, reference: Work) => Promise<Timing>;

/** The batches of one batch-norm update. */
const BATCHES = 2;

/** The rows of a runtime, one after the other. */
export async function* rowsOf(runtime: AnyRuntime, options: Options): AsyncGenerator<Row> {
  const { sizes, samples, works } = options;
  const time: Time = async (variant, reference) =>
    measurePaired(variant, reference, async () => runtime.finish(), options);
  for (const row of [
    ...sizes.map((elements) => updateRow(runtime, elements)),
    ...sizes.map((elements) => swapRow(runtime, elements)),
    batchNormRow(runtime, samples),
    trainingRow(runtime, samples),
  ]) {
    if (!works.some((work) => work === row.work)) continue;
    yield await measured(row, time);
  }
}

/** A row before it is measured. */
interface Planned {
  readonly work: Options['works'][number];
  readonly name: string;
  readonly against: string;
  measure(time: Time): Promise<Timing>;
}

async function measured({ measure, ...row }: Planned, time: Time): Promise<Row> {
  try {
    return { ...row, timing: await measure(time) };
  } catch (error) {
    return { ...row, failure: error instanceof Error ? error.message : String(error) };
  }
}

function updateRow(runtime: AnyRuntime, elements: number): Planned {
  return {
    work: 'update',
    name: `updateSwa, ${elements.toLocaleString('en')} weights`,
    against: 'copy on the device',
    measure: async (time) =>
      withAverage(runtime, elements, async (swa, copy) => time(async () => swa.updateSwa(), copy)),
  };
}

function swapRow(runtime: AnyRuntime, elements: number): Planned {
  return {
    work: 'swap',
    name: `swapSwaSgd in and out, ${elements.toLocaleString('en')} weights`,
    against: 'copy on the device',
    measure: async (time) =>
      withAverage(runtime, elements, async (swa, copy) =>
        time(async () => {
          await swa.swapSwaSgd();
          await swa.swapSwaSgd();
        }, copy),
      ),
  };
}

/**
 * Runs `use` with an average that differs from the live weight, and a copy of the same size. Where
 * the two are equal, each swap is read back: it could have been without effect.
 */
async function withAverage(
  runtime: AnyRuntime,
  elements: number,
  use: (swa: SWA<unknown>, copy: Work) => Promise<Timing>,
): Promise<Timing> {
  const [weight, next] = [await runtime.weight(elements, 1), await runtime.weight(elements, 3)];
  const copy = await runtime.copy(elements);
  const optimizer = observedOptimizer([{ params: [weight.value], lr: 0.1 }]);
  const swa = new SWA(optimizer, { backend: runtime.backend, onWarning() {} });
  try {
    await swa.updateSwa();
    await weight.value.set(next.value.get());
    return await use(swa, copy.value);
  } finally {
    await swa.dispose();
    await copy.release();
    await weight.release();
    await next.release();
  }
}

function batchNormRow(runtime: AnyRuntime, samples: number): Planned {
  return {
    work: 'bnUpdate',
    name: `bnUpdate, the demo's network, ${BATCHES} batches of ${samples}`,
    against: 'forward passes',
    async measure(time) {
      const { value: network, release } = await runtime.network(samples);
      const { batchNorm, batch, forward } = network;
      const loader = Array.from({ length: BATCHES }, () => batch);
      const passes = async (): Promise<void> => {
        for (let n = 0; n < BATCHES; n += 1) await forward();
      };
      try {
        return await time(async () => bnUpdate(loader, batchNorm), passes);
      } finally {
        await release();
      }
    },
  };
}

function trainingRow(runtime: AnyRuntime, samples: number): Planned {
  return {
    work: 'training step',
    name: `swa.step, swaFreq 1, ${runtime.trained}, batch of ${samples}`,
    against: 'without SWA',
    async measure(time) {
      // Two networks alike: each is trained as long as the other.
      const [averaged, plain] = [await runtime.network(samples), await runtime.network(samples)];
      const swa = new SWA(averaged.value.optimizer, {
        backend: runtime.backend,
        swaStart: 0,
        swaFreq: 1,
        onWarning() {},
      });
      const step = async (): Promise<unknown> => swa.step(async () => averaged.value.minimize());
      try {
        return await time(step, plain.value.minimize);
      } finally {
        await swa.dispose();
        await averaged.release();
        await plain.release();
      }
    },
  };
}
