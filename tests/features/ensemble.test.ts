// Snapshots on every backend: what must hold wherever members are kept.
import { fromSafetensors } from '@polyak/core';
import type { NamedTensors, StateTree } from '@polyak/core';
import type { BackendHarness } from '@polyak/core/conformance';
import type { HostTensor } from '@polyak/core/interfaces';
import { Snapshots } from '@polyak/ensemble';
import type { SnapshotsOptions } from '@polyak/ensemble';
import { expect } from 'vitest';
import { canonical } from '../support/arbitrary-tensor.js';
import { liveModel } from './live-model.js';
import type { LiveModel } from './live-model.js';
import { onEveryBackend } from './on-every-backend.js';
import type { Checks } from './on-every-backend.js';

const LENGTH = 1001;
const LIMIT = 7;
const STORES = ['device', 'host', 'files'] as const;
type StoreName = (typeof STORES)[number];

/** A model on a backend, its snapshots, and what stands in for a folder. */
interface Trial<T> {
  readonly harness: BackendHarness<T>;
  readonly model: LiveModel<T>;
  readonly snapshots: Snapshots<T>;
  readonly files: Map<string, Uint8Array>;
  /** Trains, as far as anyone can see: each step makes other weights. */
  train(step: number): Promise<NamedTensors>;
  /** The weights of that step: of every kind that the backend holds. */
  weightsOf(step: number): NamedTensors;
}

const CHECKS: Readonly<Record<string, <T>(trial: Trial<T>, store: StoreName) => Promise<void>>> = {
  async 'puts each member into the model bit for bit, and the live weights back'(trial) {
    const taken = await takeSteps(trial, [0, 1, 2]);
    const live = await trial.train(3);
    const seen = await trial.snapshots.withEach(trial.model.held);
    for (const [index, weights] of taken.entries()) {
      checkSameBits(seen[index] ?? {}, weights, `member ${index} in the model`);
      const one = await trial.snapshots.withMember(index, trial.model.held);
      checkSameBits(one, weights, `member ${index} alone`);
      const copy = await trial.snapshots.weights(index);
      checkSameBits(copy, weights, `weights(${index})`);
    }
    checkSameBits(await trial.model.held(), live, 'the live weights afterwards');
  },

  async 'has the mean of its members, rounded once, as the float64 reference has it'(trial) {
    const taken = await takeSteps(trial, [0, 1, 2, 3, 4, 5, 6]);
    const mean = await trial.snapshots.mean();
    const data = taken.map((weights) => weights['w']?.data as Float32Array);
    const expected = Float32Array.from(
      { length: LENGTH },
      (_, index) => data.reduce((sum, values) => sum + (values[index] ?? NaN), 0) / data.length,
    );
    const reference: HostTensor = { dtype: 'float32', shape: [7, 143], data: expected };
    checkSameBits(mean['w'], reference, 'the mean');
    const newest = taken.at(-1)?.['steps'];
    if (newest !== undefined) checkSameBits(mean['steps'], newest, 'integers of the mean');
  },

  async 'refuses weights that are not finite, and keeps what it had'(trial) {
    const taken = await takeSteps(trial, [0, 1]);
    const w = trial.weightsOf(2)['w'] as HostTensor;
    w.data[LENGTH - 1] = NaN;
    await trial.model.put({ w });
    await rejects(trial.snapshots.take(), 'ERR_NON_FINITE');
    expect(trial.snapshots.length).toBe(2);
    const copy = await trial.snapshots.weights(1);
    checkSameBits(copy, taken[1] ?? {}, 'the last member');
  },

  async 'keeps the last seven, and as many tensors after 50 as after seven'(trial, store) {
    // From here on the model holds tensors that the backend made.
    await trial.train(0);
    const before = await trial.harness.liveTensors();
    const counts = [];
    for (let step = 0; step < 50; step += 1) {
      await takeSteps(trial, [step]);
      counts.push((await trial.harness.liveTensors()) - before);
    }
    const most = store === 'device' ? trial.model.parameters.length * LIMIT : 0;
    expect(counts[LIMIT - 1]).toBe(most);
    expect(counts[49]).toBe(most);
    const files = store === 'files' ? LIMIT : 0;
    expect(trial.files.size).toBe(files);
    checkSameBits(
      await trial.snapshots.weights(0),
      trial.weightsOf(50 - LIMIT),
      'the oldest member',
    );
  },

  async 'puts the live weights back where the function fails, and leaks nothing'(trial) {
    await takeSteps(trial, [0]);
    const live = await trial.train(1);
    const before = await trial.harness.liveTensors();
    for (let n = 0; n < 3; n += 1) {
      const failing = trial.snapshots.withMember(0, () => {
        throw new Error('no score');
      });
      await rejects(failing, 'no score');
    }
    checkSameBits(await trial.model.held(), live, 'the live weights');
    expect(await trial.harness.liveTensors()).toBe(before);
  },

  async 'does not let a member be written into'(trial) {
    const [taken] = await takeSteps(trial, [0]);
    await trial.train(1);
    await trial.snapshots.withMember(0, async () => trial.model.put(trial.weightsOf(9)));
    (await trial.snapshots.weights(0))['w']?.data.fill(0 as never);
    const copy = await trial.snapshots.weights(0);
    checkSameBits(copy, taken ?? {}, 'the member');
    checkSameBits(await trial.model.held(), trial.weightsOf(1), 'the live weights');
  },

  async 'frees what the backend holds once disposed of, and leaves files'(trial, store) {
    await trial.train(0);
    const before = await trial.harness.liveTensors();
    const [taken] = await takeSteps(trial, [0, 1]);
    await trial.snapshots.dispose();
    expect(await trial.harness.liveTensors()).toBe(before);
    await rejects(trial.snapshots.take(), 'ERR_DISPOSED');
    if (store !== 'files') return;
    const bytes = trial.files.get('snapshot-000000.safetensors') ?? new Uint8Array();
    checkSameBits(fromSafetensors(bytes), taken ?? {}, 'the file');
  },
};

function checksOf(store: StoreName): Checks {
  return Object.fromEntries(
    Object.entries(CHECKS).map(([name, check]) => [
      `${store}: ${name}`,
      async <T>(harness: BackendHarness<T>) => check(await trialOf(harness, store), store),
    ]),
  );
}

async function trialOf<T>(harness: BackendHarness<T>, name: StoreName): Promise<Trial<T>> {
  const { backend } = harness;
  const hasIntegers = backend.dtypes.includes('int32');
  const weightsOf = (step: number): NamedTensors =>
    hasIntegers ? { ...floatsOf(step), ...integersOf(step) } : floatsOf(step);
  const model = await liveModel(harness, weightsOf(0));
  const files = new Map<string, Uint8Array>();
  const folder = {
    write: (key: string, bytes: Uint8Array) => void files.set(key, bytes),
    read: (key: string) => files.get(key) ?? new Uint8Array(),
    remove: (key: string) => void files.delete(key),
  };
  const store: SnapshotsOptions<T>['store'] = name === 'files' ? folder : name;
  return {
    harness,
    model,
    files,
    weightsOf,
    snapshots: new Snapshots(model.parameters, { backend, store, limit: LIMIT }),
    async train(step) {
      await model.weights.write(weightsOf(step));
      return weightsOf(step);
    },
  };
}

/** Weights that differ in every element from step to step, of several magnitudes. */
function floatsOf(step: number): NamedTensors {
  const data = Float32Array.from(
    { length: LENGTH },
    (_, index) => Math.sin(index * 1.3 + step * 2.1 + 0.5) * 10 ** ((index % 7) - 3),
  );
  return { w: { dtype: 'float32', shape: [7, 143], data } };
}

/** The step. */
function integersOf(step: number): NamedTensors {
  return { steps: { dtype: 'int32', shape: [1], data: Int32Array.of(step) } };
}

async function takeSteps<T>(trial: Trial<T>, steps: readonly number[]): Promise<NamedTensors[]> {
  const taken = [];
  for (const step of steps) {
    taken.push(await trial.train(step));
    await trial.snapshots.take();
  }
  return taken;
}

async function rejects(promise: Promise<unknown>, what: string): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (reason: { readonly code?: string; readonly message: string }) => reason,
  );
  expect([error?.code, error?.message]).toContain(what);
}

function checkSameBits(
  found: StateTree | undefined,
  expected: StateTree | undefined,
  what: string,
): void {
  expect([what, canonical(found ?? null)]).toEqual([what, canonical(expected ?? null)]);
}

for (const store of STORES) onEveryBackend(checksOf(store));
