// Many updates of a small model: what they cost at the beginning and at the end, and how far the
// averages are from float64.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { AveragedModel } from '@polyak/core';
import type { BackendHarness } from '@polyak/core/conformance';
import type { HostTensor, Parameter } from '@polyak/core/interfaces';
import { equal, exponential, lastK } from '@polyak/core/rules';
import { gaussian } from '../support/sgd.js';

/** What a long run has measured. */
export interface LongRun {
  readonly backend: string;
  readonly updates: number;
  /** After a tenth of the updates, and at the end. */
  readonly memory: readonly [first: number, last: number];
  readonly tensors: readonly [first: number, last: number];
  /** Processor time of an update in µs: medians over the first tenth and the last. */
  readonly times: readonly [first: number, last: number];
  /** The rms relative error of each average, as a share of its bound. */
  readonly errors: Readonly<Record<string, number>>;
}

const LENGTH = 16;
/** How many weights with 1 % noise come in turn; prime. */
const VALUES = 1009;
/** Times are measured in so many parts. */
const PARTS = 50;
const WINDOW = 2;
/** The most that memory may grow by, in MB: compiled code, and tables with room for garbage. */
const GROWTH = 16;
/** The most that an update may slow down by: clocks of shared machines are coarse. */
const SLOWDOWN = 1.5;

/** Followed in float64, where `n` is the number of updates before. */
const NEXT = {
  equal: (average: number, live: number, n: number) => average + (live - average) / (n + 1),
  fast: (average: number, live: number) => average + 0.01 * (live - average),
  slow: (average: number, live: number) => average + 0.0001 * (live - average),
  compensated: (average: number, live: number, n: number) => average + (live - average) / (n + 1),
};

/** The greatest rms relative error of each average after `n` updates; those of the README. */
function boundsOf(n: number): Readonly<Record<string, number>> {
  // A plain mean drifts where it is next to a power of two: float32 is finer below it than above.
  const plain = 5e-6 * Math.max(1, n / 1e4);
  const compensated = 1e-11 * Math.max(1, 1e4 / n);
  return { equal: plain, fast: 1e-6, slow: 2e-10, compensated, last: 1e-7 };
}

/**
 * Makes a long run.
 *
 * @param say - receives a line every few seconds
 */
export async function longRun<T>(
  harness: BackendHarness<T>,
  updates: number,
  say: (line: string) => void,
): Promise<LongRun> {
  const { backend } = harness;
  const values = valuesOf();
  const handles = await backend.upload(values);
  const place = await harness.parameter('w', values[0] as HostTensor);
  const models = modelsOf(harness, place);
  const exact = Object.values(NEXT).map((next) => ({ next, average: new Float64Array(LENGTH) }));
  const costs: number[] = [];
  const memory: number[] = [];
  const tensors: number[] = [];
  let said = Date.now();
  for (let part = 0; part < PARTS; part += 1) {
    const [from = 0, to = 0] = [part, part + 1].map((n) => Math.floor((n * updates) / PARTS));
    const before = process.cpuUsage();
    for (let n = from; n < to; n += 1) {
      await place.set(handles[n % VALUES] as T);
      for (const model of models) await model.update();
      const { data } = values[n % VALUES] as HostTensor;
      for (const { next, average } of exact) {
        for (let i = 0; i < LENGTH; i += 1) {
          const live = Number(data[i]);
          average[i] = n === 0 ? live : next(average[i] ?? 0, live, n);
        }
      }
      if (n % 100 !== 0 || Date.now() < said + 5000) continue;
      said = Date.now();
      say(`${backend.name}: ${n + 1} of ${updates} updates`);
    }
    const { user, system } = process.cpuUsage(before);
    costs.push((user + system) / (to - from));
    if (part !== PARTS / 10 - 1 && part !== PARTS - 1) continue;
    memory.push(await memoryInUse());
    tensors.push(await harness.liveTensors());
  }
  const last = Float64Array.from({ length: LENGTH }, (_, i) => {
    const recent = [1, 2].map((back) => Number(values[(updates - back) % VALUES]?.data[i]));
    return recent.reduce((sum, value) => sum + value / WINDOW, 0);
  });
  const truths = [...exact.map(({ average }) => average), last];
  const truthOf = Object.fromEntries(
    [...Object.keys(NEXT), 'last'].map((name, n) => [name, truths[n] ?? []]),
  );
  const bounds = boundsOf(updates);
  const errors: Record<string, number> = {};
  for (const model of models) {
    const { averages } = await model.stateDict();
    for (const [name, { swaState, residuals }] of Object.entries(averages)) {
      const found = Array.from({ length: LENGTH }, (_, i) =>
        [swaState, residuals].reduce((sum, own) => sum + Number(own?.['w']?.data[i] ?? 0), 0),
      );
      errors[name] = rms(found, truthOf[name] ?? []) / (bounds[name] ?? 0);
    }
    await model.dispose();
  }
  await backend.dispose(handles);
  const tenth = PARTS / 10;
  return {
    backend: backend.name,
    updates,
    memory: [memory[0] ?? NaN, memory[1] ?? NaN],
    tensors: [tensors[0] ?? NaN, tensors[1] ?? NaN],
    times: [median(costs.slice(0, tenth)), median(costs.slice(-tenth))],
    errors,
  };
}

/** What is not as it must be. */
export function problemsOf({ memory, tensors, times, errors }: LongRun): readonly string[] {
  const problems: string[] = [];
  if (!(memory[1] < memory[0] + GROWTH)) problems.push(`memory in MB: ${memory.join(', then ')}`);
  if (tensors[0] !== tensors[1]) problems.push(`tensors: ${tensors.join(', then ')}`);
  if (!(times[1] < SLOWDOWN * times[0])) problems.push(`µs an update: ${times.join(', then ')}`);
  for (const [name, error] of Object.entries(errors)) {
    if (!(error < 1)) problems.push(`the error of ${name}: ${error} of its bound`);
  }
  return problems;
}

/** Averages of one place by several rules; a compensated mean, where the backend has it. */
function modelsOf<T>(
  { backend }: BackendHarness<T>,
  place: Parameter<T>,
): readonly AveragedModel<T>[] {
  const plain = { equal: equal(), fast: exponential(0.99), last: lastK(WINDOW) };
  if (!backend.canCompensate) return [new AveragedModel([place], { backend, averages: plain })];
  const averages = { ...plain, slow: exponential(0.9999) };
  return [
    new AveragedModel([place], { backend, averages }),
    new AveragedModel([place], {
      backend,
      averages: { compensated: equal() },
      compensated: true,
    }),
  ];
}

function valuesOf(): readonly HostTensor[] {
  const normal = gaussian();
  return Array.from({ length: VALUES }, () => ({
    dtype: 'float32',
    shape: [LENGTH],
    data: Float32Array.from({ length: LENGTH }, (_, i) => (i + 1) * (1 + 0.01 * normal())),
  }));
}

function rms(found: readonly number[], exact: ArrayLike<number>): number {
  const squares = found.map((value, i) => (value / (exact[i] ?? NaN) - 1) ** 2);
  return Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / squares.length);
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN;
}

/** What is in use on the host, in MB, without garbage. */
async function memoryInUse(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  // Memory outside of the heap is freed after the objects that it belongs to.
  for (let n = 0; n < 3; n += 1) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 2 ** 20;
}
