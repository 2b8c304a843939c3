// A training run of a network of another framework: trained, averaged, saved and resumed. All that
// it knows of the framework is an `Embedded`.
import { AveragedModel, fromSafetensors, ParameterSet, toSafetensors } from '@polyak/core';
import type { NamedTensors } from '@polyak/core';
import type { Backend, Parameter } from '@polyak/core/interfaces';
import { arrayOf, elementCount, recordOf } from '@polyak/core/interfaces';
import { equal, exponential } from '@polyak/core/rules';
import { batchAt, moons, uniform } from './moons.js';
import type { Point } from './moons.js';

/** A network of a framework, and where its numbers are. */
export interface Embedded<T> {
  readonly backend: Backend<T>;
  readonly weights: readonly Parameter<T>[];
  /** What the optimizer keeps between steps, such as momentum. */
  readonly optimizerState: readonly Parameter<T>[];
  /** Trains on one batch. */
  step(batch: readonly Point[]): void;
  /** For each point, how likely it is in class 1. */
  predict(points: readonly Point[]): readonly number[];
}

const [TRAIN, TEST] = [moons(200, 1, 0.15), moons(1000, 2)];
const [BATCH, SEED] = [20, 3];

/** Points on which tests look at the output. */
export const SAMPLE: readonly Point[] = TEST.slice(0, 5);

export class EmbeddedRun<T> {
  readonly #network: Embedded<T>;
  readonly #averaged: AveragedModel<T>;
  readonly #numbers: ParameterSet<T>;
  readonly #steps: number;
  #step = 0;

  /**
   * @param network - of the framework
   * @param steps - of the whole run, of which the second half is averaged
   */
  constructor(network: Embedded<T>, steps: number) {
    const { backend, optimizerState, weights } = network;
    this.#network = network;
    this.#steps = steps;
    this.#averaged = new AveragedModel(weights, {
      backend,
      averages: { swa: equal(), ema: exponential(0.98) },
    });
    this.#numbers = new ParameterSet([...weights, ...optimizerState], { backend });
  }

  /** Puts in the first weights, the same for each seed, and forgets what the optimizer keeps. */
  async begin(seed: number): Promise<void> {
    const random = uniform(seed);
    const weights = new Set(this.#network.weights.map(({ name }) => name));
    const numbers = [...this.#numbers.specs].map(([name, { dtype, shape }]) => {
      const data = new (arrayOf(dtype) as Float64ArrayConstructor)(elementCount(shape));
      const values = data.map(() => (weights.has(name) ? 2 * random() - 1 : 0));
      return [name, { dtype, shape, data: values }] as const;
    });
    await this.#numbers.write(Object.fromEntries(numbers));
  }

  /** Trains up to step `end`. */
  async train(end: number): Promise<void> {
    for (; this.#step < end; this.#step += 1) {
      this.#network.step(batchAt(TRAIN, this.#step, BATCH));
      if (this.#step >= this.#steps / 2) await this.#averaged.update();
    }
  }

  /** All that the run needs to go on, in one file. Batches are a function of the step. */
  async save(): Promise<Uint8Array> {
    return toSafetensors({
      step: this.#step,
      numbers: await this.#numbers.read(),
      averages: await this.#averaged.stateDict(),
    });
  }

  /** Goes on from a file, whatever weights the network has. */
  async load(file: Uint8Array): Promise<void> {
    const { averages = null, numbers, step } = recordOf(fromSafetensors(file));
    await this.#numbers.write(numbers as NamedTensors);
    await this.#averaged.loadStateDict(averages);
    this.#step = step as number;
  }

  /** The share of test points that the last iterate and each average get right. */
  async accuracies(): Promise<ReadonlyMap<string, number>> {
    const accuracy = (): number => accuracyOf(this.#network.predict(TEST));
    const found = new Map([['last iterate', accuracy()]]);
    for (const average of ['swa', 'ema']) {
      found.set(average, await this.#averaged.withAveraged(accuracy, { average }));
    }
    return found;
  }
}

/** A run without interruption. */
export async function wholeRun<T>(
  makeNetwork: () => Embedded<T>,
  steps: number,
): Promise<EmbeddedRun<T>> {
  const run = new EmbeddedRun(makeNetwork(), steps);
  await run.begin(SEED);
  await run.train(steps);
  return run;
}

/** The same run, which is saved after `stop` steps and goes on in another network. */
export async function interruptedRun<T>(
  makeNetwork: () => Embedded<T>,
  stop: number,
  steps: number,
): Promise<EmbeddedRun<T>> {
  const first = new EmbeddedRun(makeNetwork(), steps);
  await first.begin(SEED);
  await first.train(stop);
  const second = new EmbeddedRun(makeNetwork(), steps);
  await second.load(await first.save());
  await second.train(steps);
  return second;
}

function accuracyOf(predictions: readonly number[]): number {
  const isRight = (found: number, index: number): boolean =>
    found > 0.5 === (TEST[index]?.label === 1);
  return predictions.filter(isRight).length / TEST.length;
}
