// A model of which every part can fail: its places, its batch norm, its optimizer and its backend.
import type { StateTree } from '@polyak/core';
import type {
  Awaitable,
  Backend,
  BatchNormModel,
  DType,
  HostTensor,
  Optimizer,
  ParamGroup,
  Parameter,
  RunningStatistics,
} from '@polyak/core/interfaces';
import { arrayOf, elementCount, isFloating, isHalf, recordOf } from '@polyak/core/interfaces';
import { halfBits } from '@polyak/core/kit';
import type { BackendHarness } from '@polyak/core/conformance';
import { random } from '../support/sgd.js';
import type { Faults } from './faults.js';

/** Makes calls that can fail. */
type Failing = Pick<Faults, 'call'>;

/** A tensor of values that depend on the seed. */
export function tensorOf(dtype: DType, shape: readonly number[], seed: number): HostTensor {
  const next = random(seed);
  const data = new (arrayOf(dtype))(elementCount(shape));
  for (let n = 0; n < data.length; n += 1) {
    const value = isFloating(dtype) ? next() * 2 - 1 : Math.floor(next() * 100);
    const element = isHalf(dtype) ? halfBits(dtype, value) : value;
    data[n] = (dtype.endsWith('int64') ? BigInt(element) : element) as never;
  }
  return { dtype, shape, data };
}

/** The backend, each of whose calls can fail. */
export function faultyBackend<T>(backend: Backend<T>, faults: Failing, left: T[]): Backend<T> {
  const how = { throws: backend.isSynchronous };
  const { cast } = backend;
  return {
    ...backend,
    spec: (tensor) => backend.spec(tensor),
    upload: (tensors) => faults.call('upload', () => backend.upload(tensors), how),
    download: (tensors) => faults.call('download', () => backend.download(tensors), how),
    clone: (tensors) => faults.call('clone', () => backend.clone(tensors), how),
    allFinite: (tensors) => faults.call('allFinite', () => backend.allFinite(tensors), how),
    average: (items, options) => faults.call('average', () => backend.average(items, options), how),
    swap: (places, tensors) => faults.call('swap', () => backend.swap(places, tensors), how),
    dispose(tensors) {
      let isFreed = false;
      const free = (): Awaitable<void> => {
        isFreed = true;
        return backend.dispose(tensors);
      };
      try {
        return faults.call('dispose', free, how);
      } finally {
        if (!isFreed) left.push(...tensors);
      }
    },
    ...(cast === undefined
      ? {}
      : {
          cast: (tensors, dtypes) =>
            faults.call('cast', () => cast.call(backend, tensors, dtypes), how),
        }),
  };
}

/** The place, whose `set` can fail, before and after it has done its work. */
export function faultyParameter<T>(place: Parameter<T>, faults: Failing): Parameter<T> {
  return {
    name: place.name,
    get identity() {
      return place.identity;
    },
    get: () => place.get(),
    set: (tensor) => faults.call('set', () => place.set(tensor), { halfway: true }),
  };
}

/** Batch norm whose statistics depend on the weights that the model holds. */
export class FaultyBatchNorm implements BatchNormModel<number> {
  readonly #faults: Failing;
  readonly #weights: () => Promise<number>;
  readonly held: RunningStatistics[] = [1, 2].map((n) => ({
    mean: Float64Array.of(n, n + 1),
    variance: Float64Array.of(1, n),
  }));
  readonly layers: BatchNormModel<number>['layers'];

  /** @param weights - a number that all weights go into */
  constructor(faults: Failing, weights: () => Promise<number>) {
    this.#faults = faults;
    this.#weights = weights;
    this.layers = this.held.map((_, index) => ({
      name: `bn${index}`,
      identity: {},
      channels: 2,
      trainable: true,
      varianceKind: index === 0 ? 'unbiased' : 'population',
      read: () => faults.call('read', () => copied(this.held[index] as RunningStatistics)),
      write: (statistics) =>
        faults.call('write', () => void (this.held[index] = copied(statistics)), {
          halfway: true,
        }),
    }));
  }

  async batchMoments(
    batch: number,
    layers: BatchNormModel<number>['layers'],
  ): ReturnType<typeof this.moments> {
    return this.#faults.call('batchMoments', () => this.moments(batch, layers));
  }

  async moments(batch: number, layers: BatchNormModel<number>['layers']) {
    const sum = await this.#weights();
    return layers.map((_, index) => ({
      mean: Float64Array.of(sum + batch, sum * batch + index),
      variance: Float64Array.of(1 + batch, 2 + index),
      count: 8,
    }));
  }

  sampleCount(): number {
    return this.#faults.call('sampleCount', () => 8, { throws: true });
  }

  /** Three batches, each of which can fail to come. */
  get loader(): Iterable<number> {
    const faults = this.#faults;
    return {
      *[Symbol.iterator]() {
        for (const batch of [1, 2, 3]) yield faults.call('loader', () => batch);
      },
    };
  }
}

/** An optimizer that puts weights of its own into the model. */
export class FaultyOptimizer<T> implements Optimizer<T> {
  readonly #faults: Failing;
  readonly #train: () => Promise<void>;
  paramGroups: ParamGroup<T>[];
  /** Whether it has taken the step of the current operation. */
  hasStepped = false;

  constructor(faults: Failing, groups: readonly ParamGroup<T>[], train: () => Promise<void>) {
    this.#faults = faults;
    this.#train = train;
    this.paramGroups = [...groups];
  }

  async step<Loss>(closure?: () => Loss | Promise<Loss>): Promise<Loss | undefined> {
    return this.#faults.call('optimizer.step', async () => {
      const loss = await closure?.();
      await this.#train();
      this.hasStepped = true;
      return loss;
    });
  }

  addParamGroup(group: ParamGroup<T>): void {
    return this.#faults.call('optimizer.addParamGroup', () => void this.paramGroups.push(group));
  }

  stateDict(): StateTree {
    return this.#faults.call('optimizer.stateDict', () => ({
      lr: this.paramGroups.map(({ lr }) => lr),
    }));
  }

  loadStateDict(state: StateTree): void {
    return this.#faults.call('optimizer.loadStateDict', () => {
      const rates = recordOf(state)['lr'] as readonly number[];
      this.paramGroups = this.paramGroups.map((group, n) => ({ ...group, lr: rates[n] ?? NaN }));
    });
  }
}

/** Places of `harness` with tensors of some dtypes that its backend has. */
export async function placesOf<T>(
  harness: BackendHarness<T>,
  seed: number,
): Promise<readonly Parameter<T>[]> {
  const has = (dtype: DType): boolean => harness.backend.dtypes.includes(dtype);
  const whole = (['int32', 'int64'] as const).find(has) ?? 'float32';
  const half = has('float16') ? 'float16' : 'float32';
  const specs = [
    ['w', 'float32', [3, 2]],
    ['bias', half, [5]],
    ['counter', whole, [2]],
    ['head', 'float32', [4]],
    ['late', half, [3]],
    ['later', 'float32', [2]],
  ] as const;
  const places: Parameter<T>[] = [];
  for (const [n, [name, dtype, shape]] of specs.entries()) {
    places.push(await harness.parameter(name, tensorOf(dtype, shape, seed + n)));
  }
  return places;
}

function copied({ mean, variance }: RunningStatistics): RunningStatistics {
  return { mean: mean.slice(), variance: variance.slice() };
}
