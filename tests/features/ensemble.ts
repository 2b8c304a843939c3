// Snapshots on any backend: what must hold wherever members are kept, as data, like the conformance
// suite.
import type { Awaitable, HostTensor, LiveModel, NamedTensors } from '@polyak/core';
import { writeWeights } from '@polyak/core';
import type { BackendHarness, ConformanceTest } from '@polyak/core/conformance';
import { decodeSafetensors } from '@polyak/core/internal';
import { check, checkSameBits } from '@polyak/core/internal';
import { Snapshots } from '@polyak/ensemble';
import type { SnapshotsOptions } from '@polyak/ensemble';

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
  /** What the model holds. */
  held(): Promise<readonly HostTensor[]>;
}

const CHECKS: Readonly<Record<string, <T>(trial: Trial<T>, store: StoreName) => Promise<void>>> = {
  async 'puts each member into the model bit for bit, and the live weights back'(trial) {
    const taken = await takeSteps(trial, [0, 1, 2]);
    const live = Object.values(await trial.train(3));
    const seen = await trial.snapshots.withEach(trial.held);
    for (const [index, weights] of taken.entries()) {
      const expected = Object.values(weights);
      checkSameBits(seen[index] ?? [], expected, `member ${index} in the model`);
      const one = await trial.snapshots.withMember(index, trial.held);
      checkSameBits(one, expected, `member ${index} alone`);
      const copy = await trial.snapshots.weights(index);
      checkSameBits(Object.values(copy), expected, `weights(${index})`);
    }
    checkSameBits(await trial.held(), live, 'the live weights afterwards');
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
    checkSameBits([mean['w'] as HostTensor], [reference], 'the mean');
    const newest = taken.at(-1)?.['steps'];
    if (newest !== undefined)
      checkSameBits([mean['steps'] as HostTensor], [newest], 'integers of the mean');
  },

  async 'refuses weights that are not finite, and keeps what it had'(trial) {
    const taken = await takeSteps(trial, [0, 1]);
    const w = trial.weightsOf(2)['w'] as HostTensor;
    w.data[LENGTH - 1] = NaN;
    const { backend } = trial.harness;
    const cells = trial.model.parameters.filter(({ name }) => name === 'w');
    const held = await backend.swap(cells, await backend.upload([w]));
    await rejects(trial.snapshots.take(), 'ERR_NON_FINITE');
    await backend.dispose(await backend.swap(cells, held));
    check(trial.snapshots.length === 2, `${trial.snapshots.length} members, expected 2.`);
    const copy = await trial.snapshots.weights(1);
    checkSameBits(Object.values(copy), Object.values(taken[1] ?? {}), 'the last member');
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
    check(
      counts[LIMIT - 1] === most,
      `${counts[LIMIT - 1]} tensors after ${LIMIT}, expected ${most}.`,
    );
    check(counts[49] === most, `${counts[49]} tensors after 50, expected ${most}.`);
    const files = store === 'files' ? LIMIT : 0;
    check(trial.files.size === files, `${trial.files.size} files, expected ${files}.`);
    checkSameBits(
      Object.values(await trial.snapshots.weights(0)),
      Object.values(trial.weightsOf(50 - LIMIT)),
      'the oldest member',
    );
  },

  async 'puts the live weights back where the function fails, and leaks nothing'(trial) {
    await takeSteps(trial, [0]);
    const live = Object.values(await trial.train(1));
    const before = await trial.harness.liveTensors();
    for (let n = 0; n < 3; n += 1) {
      const failing = trial.snapshots.withMember(0, () => {
        throw new Error('no score');
      });
      await rejects(failing, 'no score');
    }
    checkSameBits(await trial.held(), live, 'the live weights');
    check((await trial.harness.liveTensors()) === before, 'tensors leaked.');
  },

  async 'does not let a member be written into'(trial) {
    const [taken] = await takeSteps(trial, [0]);
    await trial.train(1);
    await trial.snapshots.withMember(0, async () => writeWeights(trial.model, trial.weightsOf(9)));
    (await trial.snapshots.weights(0))['w']?.data.fill(0 as never);
    const copy = await trial.snapshots.weights(0);
    checkSameBits(Object.values(copy), Object.values(taken ?? {}), 'the member');
    checkSameBits(await trial.held(), Object.values(trial.weightsOf(1)), 'the live weights');
  },

  async 'frees what the backend holds once disposed of, and leaves files'(trial, store) {
    await trial.train(0);
    const before = await trial.harness.liveTensors();
    const [taken] = await takeSteps(trial, [0, 1]);
    await trial.snapshots.dispose();
    check((await trial.harness.liveTensors()) === before, 'tensors are alive after dispose.');
    await rejects(trial.snapshots.take(), 'ERR_DISPOSED');
    if (store !== 'files') return;
    const bytes = trial.files.get('snapshot-000000.safetensors') ?? new Uint8Array();
    const { tensors } = decodeSafetensors(bytes);
    const names = Object.keys(taken ?? {});
    checkSameBits(
      names.map((name) => tensors[name] as HostTensor),
      Object.values(taken ?? {}),
      'the file',
    );
  },
};

/**
 * What snapshots must do on a backend with float32, for each store.
 *
 * @param create - makes a fresh harness for each check
 * @returns the checks, for the loop of any test runner
 */
export function ensembleChecks<T>(
  create: () => Awaitable<BackendHarness<T>>,
): readonly ConformanceTest[] {
  return STORES.flatMap((store) =>
    Object.entries(CHECKS).map(([name, run]) => ({
      name: `${store}: ${name}`,
      async run() {
        const harness = await create();
        try {
          await run(await trialOf(harness, store), store);
        } finally {
          await harness.close?.();
        }
      },
    })),
  );
}

async function trialOf<T>(harness: BackendHarness<T>, name: StoreName): Promise<Trial<T>> {
  const { backend } = harness;
  const hasIntegers = backend.dtypes.includes('int32');
  const weightsOf = (step: number): NamedTensors =>
    hasIntegers ? { ...floatsOf(step), ...integersOf(step) } : floatsOf(step);
  const cells = Object.entries(weightsOf(0)).map(async ([key, tensor]) =>
    harness.parameter(key, tensor),
  );
  const model = { backend, parameters: await Promise.all(cells) };
  const files = new Map<string, Uint8Array>();
  const folder = {
    write: (key: string, bytes: Uint8Array) => void files.set(key, bytes),
    read: (key: string) => files.get(key) ?? new Uint8Array(),
    remove: (key: string) => void files.delete(key),
  };
  const store: SnapshotsOptions['store'] = name === 'files' ? folder : name;
  return {
    harness,
    model,
    files,
    weightsOf,
    snapshots: new Snapshots(model, { store, limit: LIMIT }),
    async train(step) {
      await writeWeights(model, weightsOf(step));
      return weightsOf(step);
    },
    held: async () => backend.download(model.parameters.map((cell) => cell.get())),
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

/** Throws unless `promise` is rejected with `what` as its code or message. */
async function rejects(promise: Promise<unknown>, what: string): Promise<void> {
  let found = 'nothing';
  try {
    await promise;
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    if (code === what || message === what) return;
    found = `${code ?? ''} ${message}`;
  }
  throw new Error(`threw ${found}, expected ${what}.`);
}
