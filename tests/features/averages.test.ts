// The averages of one run on every backend: every rule against float64, the state, the reports,
// merges and imports.
import { AveragedModel, fromSafetensors, toSafetensors } from '@polyak/core';
import type { AveragedReport, NamedTensors, UpdateReport } from '@polyak/core';
import type { BackendHarness } from '@polyak/core/conformance';
import { importAverage } from '@polyak/core/interop';
import {
  debiasedExponential,
  equal,
  exponential,
  lastK,
  powerFunction,
  powerWarmUp,
  rationalWarmUp,
  saturatingWarmUp,
} from '@polyak/core/rules';
import type { AveragingRule } from '@polyak/core/rules';
import { chooseStart, greedySoup, Soup } from '@polyak/ensemble';
import { expect } from 'vitest';
import { gaussian } from '../support/sgd.js';
import { liveModel } from './live-model.js';
import type { LiveModel } from './live-model.js';
import { onEveryBackend } from './on-every-backend.js';
import type { Checks } from './on-every-backend.js';

const RULES: Readonly<Record<string, AveragingRule>> = {
  equal: equal(),
  exponential: exponential(0.9),
  debiased: debiasedExponential(0.9),
  power: powerWarmUp({ maxDecay: 0.95 }),
  rational: rationalWarmUp(0.95),
  saturating: saturatingWarmUp(0.95, 10),
  powerFunction: powerFunction(3),
  last: lastK(4),
};
const UPDATES = 25;
const SHAPES = { kernel: [7, 13], bias: [1] } as const;

/** Weights of several magnitudes with noise, the same in every run. */
const VISITED: readonly NamedTensors[] = visited();

function visited(): readonly NamedTensors[] {
  const normal = gaussian();
  return Array.from({ length: UPDATES }, () =>
    Object.fromEntries(
      Object.entries(SHAPES).map(([name, shape]) => {
        const length = shape.reduce((product: number, extent) => product * extent, 1);
        const data = Float32Array.from(
          { length },
          (_, index) => 10 ** ((index % 7) - 3) * (1 + normal() / 10),
        );
        return [name, { dtype: 'float32', shape, data }];
      }),
    ),
  );
}

/** The weight of each value in the average after the first `n` of them, in float64. */
function sharesOf(rule: AveragingRule, n: number): readonly number[] {
  if (rule.kind === 'window') {
    const size = Math.min(n, rule.window);
    return Array.from({ length: n }, (_, index) => (index < n - size ? 0 : 1 / size));
  }
  let shares: readonly number[] = [];
  for (let index = 0; index < n; index += 1) {
    const weight = index === 0 ? 1 : rule.weight(index);
    shares = [...shares.map((share) => share * (1 - weight)), weight];
  }
  return shares;
}

/** The greatest relative error of `found` as the average of `values` by `shares`. */
function errorOf(
  found: NamedTensors,
  values: readonly NamedTensors[],
  shares: readonly number[],
): number {
  const errors = Object.entries(found).flatMap(([name, { data }]) =>
    Array.from(data as Float32Array, (value, index) => {
      const exact = shares.reduce(
        (sum, share, n) => sum + share * Number(values[n]?.[name]?.data[index]),
        0,
      );
      return Math.abs(value / exact - 1);
    }),
  );
  return Math.max(...errors);
}

function modelOn<T>(harness: BackendHarness<T>): Promise<LiveModel<T>> {
  return liveModel(harness, VISITED[0] ?? {});
}

function averagedOf<T>(
  { backend, parameters }: LiveModel<T>,
  onUpdate?: (report: UpdateReport) => void,
): AveragedModel<T> {
  const options = { backend, averages: RULES };
  return new AveragedModel(parameters, onUpdate === undefined ? options : { ...options, onUpdate });
}

async function visit<T>(
  { weights }: LiveModel<T>,
  averaged: AveragedModel<T>,
  values: readonly NamedTensors[],
): Promise<void> {
  for (const each of values) {
    await weights.write(each);
    await averaged.update();
  }
}

const CHECKS: Checks = {
  async 'shows the model each average by its name, within 1e-6 of float64'(harness) {
    const model = await modelOn(harness);
    const averaged = averagedOf(model);
    await visit(model, averaged, VISITED);
    const live = await model.weights.read();
    const errors: Record<string, number> = {};
    for (const [name, rule] of Object.entries(RULES)) {
      const shown = await averaged.withAveraged(model.held, { average: name });
      errors[name] = errorOf(shown, VISITED, sharesOf(rule, UPDATES));
    }
    expect(Object.entries(errors).filter(([, error]) => !(error < 1e-6))).toEqual([]);
    expect(await model.weights.read()).toEqual(live);
    await averaged.dispose();
  },

  async 'averages finite weights of any size, and goes on from their state'(harness) {
    const large = [3e38, -3e38, 3e38, -3.4e38, 3.4e38, -1, -3e38];
    const values = large.map((size): NamedTensors => ({
      kernel: { dtype: 'float32', shape: [2], data: Float32Array.of(size, size / 1e30) },
    }));
    const model = await liveModel(harness, values[0] ?? {});
    const { backend, parameters } = model;
    const slow = backend.canCompensate ? { slow: exponential(0.9999) } : {};
    const averages: Readonly<Record<string, AveragingRule>> = { ...RULES, ...slow };
    const averaged = new AveragedModel(parameters, { backend, averages });
    await visit(model, averaged, values.slice(0, 2));
    const shown = async (name: string): Promise<Float32Array> => {
      const { kernel } = await averaged.withAveraged(model.held, { average: name });
      return kernel?.data as Float32Array;
    };
    expect(await shown('equal')).toEqual(Float32Array.of(0, 0));
    await averaged.loadStateDict(fromSafetensors(toSafetensors(await averaged.stateDict())));
    await visit(model, averaged, values.slice(2));
    for (const [name, rule] of Object.entries(averages)) {
      const shares = sharesOf(rule, large.length);
      const exact = shares.reduce((sum, share, n) => sum + share * (large[n] as number), 0);
      const [found = NaN, small = NaN] = await shown(name);
      expect([name, Math.abs(found - exact) < 1e-6 * 3.4e38]).toEqual([name, true]);
      expect([name, Math.abs(small - exact / 1e30) < 1e-6 * 3.4e8]).toEqual([name, true]);
    }
    await averaged.dispose();
  },

  async 'goes on from a state bit for bit'(harness) {
    const [model, other] = [await modelOn(harness), await modelOn(harness)];
    const [whole, resumed] = [averagedOf(model), averagedOf(other)];
    await visit(model, whole, VISITED.slice(0, 11));
    await resumed.loadStateDict(fromSafetensors(toSafetensors(await whole.stateDict())));
    await visit(model, whole, VISITED.slice(11));
    await visit(other, resumed, VISITED.slice(11));
    expect(await resumed.stateDict()).toEqual(await whole.stateDict());
    await whole.dispose();
    await resumed.dispose();
  },

  async 'keeps nothing after it is disposed of'(harness) {
    const model = await modelOn(harness);
    // What packs or compiles at first does it here.
    const first = averagedOf(model);
    await visit(model, first, VISITED.slice(0, 6));
    await first.dispose();
    const before = await harness.liveTensors();
    const averaged = averagedOf(model);
    await visit(model, averaged, VISITED.slice(0, 6));
    await averaged.withAveraged(() => {}, { average: 'last' });
    await averaged.dispose();
    expect(await harness.liveTensors()).toBe(before);
  },

  async 'reports distance, move and effective window of each update'(harness) {
    const model = await modelOn(harness);
    const reports: AveragedReport[] = [];
    const averaged = averagedOf(model, (report) => {
      if (report.kind === 'averaged') reports.push(report);
    });
    await visit(model, averaged, VISITED.slice(0, 5));
    expect(reports).toHaveLength(5 * Object.keys(RULES).length);
    const norm = (of: (name: string, index: number) => number): number =>
      Math.hypot(
        ...Object.entries(VISITED[0] ?? {}).flatMap(([name, { data }]) =>
          Array.from(data as Float32Array, (_, i) => of(name, i)),
        ),
      );
    const mean = (n: number) => (name: string, index: number) =>
      VISITED.slice(0, n).reduce((sum, weights) => sum + Number(weights[name]?.data[index]) / n, 0);
    const [old, now] = [mean(4), mean(5)];
    const last = (name: string, index: number): number => Number(VISITED[4]?.[name]?.data[index]);
    const report = reports.filter(({ average }) => average === 'equal').at(-1);
    expect(report).toMatchObject({ group: 0, nAvg: 5, weight: 1 / 5 });
    expect(report?.effectiveWindow).toBeCloseTo(5, 9);
    expect(report?.distance).toBeCloseTo(
      norm((name, i) => last(name, i) - now(name, i)) / norm(now),
      6,
    );
    expect(report?.updateSize).toBeCloseTo(
      norm((name, i) => now(name, i) - old(name, i)) / norm(now),
      6,
    );
    await averaged.dispose();
  },

  async 'merges weights read from the model, and takes one out again'(harness) {
    const model = await modelOn(harness);
    const members: NamedTensors[] = [];
    for (const weights of VISITED.slice(0, 4)) {
      await model.weights.write(weights);
      members.push(await model.weights.read());
    }
    expect(members).toEqual(VISITED.slice(0, 4));
    const soup = new Soup();
    for (const member of members) soup.add(member);
    const shown = await model.weights.withWeights(soup.mean(), model.held);
    expect(errorOf(shown, VISITED, [1 / 4, 1 / 4, 1 / 4, 1 / 4])).toBeLessThan(1e-7);
    const without = soup.remove(members[3] ?? {}).mean();
    expect(errorOf(without, VISITED, [1 / 3, 1 / 3, 1 / 3])).toBeLessThan(1e-7);
  },

  async 'scores candidates and starts in the model'(harness) {
    const model = await modelOn(harness);
    const candidates = VISITED.slice(0, 5);
    const bias = async (): Promise<number> => Number((await model.held())['bias']?.data[0]);
    const target = await model.weights.withWeights(candidates[2] ?? {}, bias);
    const score = async (weights: NamedTensors): Promise<number> =>
      model.weights.withWeights(weights, async () => -Math.abs((await bias()) - target));
    const greedy = await greedySoup(candidates, score);
    expect(greedy.members).toEqual([2]);
    expect(greedy.weights).toEqual(candidates[2]);
    const { scores, start } = await chooseStart(candidates, score);
    expect(scores.indexOf(Math.max(...scores))).toBe(start);
  },

  async 'goes on from an average of another library'(harness) {
    const model = await modelOn(harness);
    const averaged = averagedOf(model);
    const imported = { nAvg: [3], swaState: VISITED[0] ?? {} };
    const state = importAverage(await averaged.stateDict(), imported, { average: 'equal' });
    await averaged.loadStateDict(state);
    await visit(model, averaged, VISITED.slice(1, 2));
    const shown = await averaged.withAveraged(model.held, { average: 'equal' });
    expect(errorOf(shown, VISITED, [3 / 4, 1 / 4])).toBeLessThan(1e-6);
    await averaged.dispose();
  },
};

onEveryBackend(CHECKS);
