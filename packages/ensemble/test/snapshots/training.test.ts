// A real training run: cycles of the learning rate visit members that differ, and that are better
// together than alone.
import { ParameterSet } from '@polyak/core';
import type { HostTensor } from '@polyak/core/interfaces';
import { fitWeights, isRateMinimum, meanOf, Snapshots, vote } from '@polyak/ensemble';
import { describe, expect, it } from 'vitest';
import { CLASSES, network, spirals } from './network.js';
import type { Network, Samples } from './network.js';

const CYCLES = 5;
const STEPS = 3000;

const cosine =
  (length: number, lr: number) =>
  (step: number): number =>
    (lr / 2) * (1 + Math.cos((Math.PI * (step % length)) / length));

/** Down for half of `length` steps, and up again. */
const triangle =
  (length: number, high: number, low: number) =>
  (step: number): number =>
    low + ((high - low) * Math.abs(length / 2 - (step % length))) / (length / 2);

interface Data {
  readonly train: Samples;
  readonly fit: Samples;
  readonly test: Samples;
}

function dataOf(seed: number): Data {
  return {
    train: spirals(100 + seed, 150),
    fit: spirals(300 + seed, 600),
    test: spirals(200 + seed, 1500),
  };
}

async function trained(
  net: Network,
  { train }: Data,
  rate: (step: number) => number,
  steps: number,
): Promise<Snapshots<HostTensor>> {
  const snapshots = new Snapshots(net.parameters, { backend: net.backend, store: 'host' });
  for (let step = 0; step < steps; step += 1) {
    net.step(train, rate(step));
    if (isRateMinimum(rate, step)) await snapshots.take();
  }
  return snapshots;
}

/** Negative log-likelihood, nats a sample. */
function loss(p: Float64Array, { labels }: Samples): number {
  return (
    labels.reduce((sum, label, n) => sum - Math.log(p[n * CLASSES + label] ?? NaN), 0) /
    labels.length
  );
}

/** The share of samples on which two lists of classes differ. */
function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a).filter((choice, n) => choice !== b[n]).length / a.length;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

describe.each([1, 2, 3, 4])('a snapshot ensemble of five cycles, seed %d', (seed) => {
  it('has members that differ, and is better than each and than one long cycle', async () => {
    const data = dataOf(seed);
    const net = network(seed);
    const snapshots = await trained(net, data, cosine(STEPS, 0.4), CYCLES * STEPS);
    expect(snapshots.length).toBe(CYCLES);

    const predictions = await snapshots.withEach(() => net.predict(data.test));
    const choices = predictions.map((p) => vote([p], CLASSES));
    for (const [n, choice] of choices.slice(1).entries()) {
      expect(difference(choice, choices[n] ?? [])).toBeGreaterThan(0.02);
    }
    const losses = predictions.map((p) => loss(p, data.test));
    const together = loss(meanOf(predictions), data.test);
    expect(together).toBeLessThan(Math.min(...losses));
    const errors = choices.map((choice) => difference(choice, data.test.labels));
    expect(difference(vote(predictions, CLASSES), data.test.labels)).toBeLessThan(mean(errors));

    const single = network(seed);
    await trained(single, data, cosine(CYCLES * STEPS, 0.4), CYCLES * STEPS);
    expect(together).toBeLessThan(loss(single.predict(data.test), data.test) - 0.1);

    const heldOut = await snapshots.withEach(() => net.predict(data.fit));
    const { weights, logLikelihood, gap } = fitWeights(heldOut, data.fit.labels, CLASSES);
    expect(gap).toBeLessThanOrEqual(1e-5);
    expect(-logLikelihood).toBeLessThan(loss(meanOf(heldOut), data.fit));
    expect(loss(meanOf(predictions, weights), data.test)).toBeLessThan(Math.min(...losses));

    const averaged = await new ParameterSet(net.parameters, { backend: net.backend }).withWeights(
      await snapshots.mean(),
      () => loss(net.predict(data.test), data.test),
    );
    // The cycles are too far apart for that.
    expect(averaged).toBeGreaterThan(together + 0.05);
  });
});

describe.each([1, 2, 3, 4])(
  'a fast geometric ensemble on the way from trained weights, seed %d',
  (seed) => {
    it('has members that differ, whose mean of weights does as well', async () => {
      const data = dataOf(seed);
      const net = network(seed);
      await trained(net, data, () => 0.1, 2 * STEPS);
      const snapshots = await trained(net, data, triangle(600, 0.1, 0.001), CYCLES * 600);
      expect(snapshots.length).toBe(CYCLES);
      const predictions = await snapshots.withEach(() => net.predict(data.test));
      const losses = predictions.map((p) => loss(p, data.test));
      const together = loss(meanOf(predictions), data.test);
      const averaged = await new ParameterSet(net.parameters, { backend: net.backend }).withWeights(
        await snapshots.mean(),
        () => loss(net.predict(data.test), data.test),
      );
      const choices = predictions.map((p) => vote([p], CLASSES));
      for (const [n, choice] of choices.slice(1).entries()) {
        expect(difference(choice, choices[n] ?? [])).toBeGreaterThan(0.01);
      }
      expect(averaged).toBeLessThan(mean(losses));
      expect(Math.abs(averaged - together)).toBeLessThan(0.03);
    });
  },
);
