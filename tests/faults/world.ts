// A model in training with everything that averages it, each call of which can fail.
import { AveragedModel } from '@polyak/core';
import type { AveragedOptions, StateTree } from '@polyak/core';
import { Snapshots, SWAG } from '@polyak/ensemble';
import type { BackendHarness } from '@polyak/core/conformance';
import type { Backend, HostTensor, Parameter } from '@polyak/core/interfaces';
import { halfToFloat32 } from '@polyak/core/kit';
import { equal, exponential, lastK } from '@polyak/core/rules';
import type { RuleOptions } from '@polyak/core/rules';
import { canonical } from '../support/arbitrary-tensor.js';
import { Fault, Faults } from './faults.js';
import type { Plan } from './faults.js';
import { FaultyBatchNorm, faultyBackend, faultyParameter, placesOf, tensorOf } from './model.js';

/** What is averaged, and how. */
export interface Settings {
  readonly seed: number;
  readonly rules: 'equal' | 'several' | 'window' | 'compensated';
  readonly isWatched: boolean;
}

/** What became of an operation. */
export type Outcome =
  | { readonly kind: 'done'; readonly result: string }
  | { readonly kind: 'failed'; readonly error: unknown };

/** All that can be seen, each part as text. */
export type Seen = Readonly<Record<string, string>>;

const RULES: Readonly<Record<Settings['rules'], RuleOptions>> = {
  equal: { rule: equal() },
  several: { averages: { ema: exponential(0.9), half: exponential(0.5), last: lastK(2) } },
  window: { rule: lastK(3) },
  compensated: { rule: exponential(0.9999) },
};

export class World<T> {
  readonly faults = new Faults();
  readonly bn: FaultyBatchNorm;
  readonly warnings: string[] = [];
  readonly members: Snapshots<T>;
  readonly swag: SWAG<T>;
  readonly averaged: AveragedModel<T>;
  /** What was saved last. */
  saved: StateTree | undefined;
  /** The tensors that this world keeps alive. */
  alive = 0;
  /** Which operation is under way. */
  now = 0;
  /** Whether averages have names. */
  readonly hasNames: boolean;
  readonly #harness: BackendHarness<T>;
  readonly #places: readonly Parameter<T>[];
  /** What a `dispose` that failed has left. */
  readonly #left: T[] = [];

  static async make<T>(harness: BackendHarness<T>, settings: Settings): Promise<World<T>> {
    return new World(harness, settings, await placesOf(harness, settings.seed));
  }

  private constructor(
    harness: BackendHarness<T>,
    { seed, rules, isWatched }: Settings,
    places: readonly Parameter<T>[],
  ) {
    this.hasNames = rules === 'several';
    this.#harness = harness;
    this.#places = places;
    const { faults } = this;
    const backend = faultyBackend(harness.backend, faults, this.#left);
    const all = places.map((place) => faultyParameter(place, faults));
    this.bn = new FaultyBatchNorm(faults, async () => this.#sum());
    const onWarning = (text: string): void =>
      faults.call('onWarning', () => void this.warnings.push(text), { throws: true });
    const onUpdate = (): void => faults.call('onUpdate', () => {});
    const options = {
      ...RULES[rules],
      backend,
      onWarning,
      ...(isWatched ? { onUpdate } : {}),
    };
    const own = all.slice(0, 4);
    this.averaged = new AveragedModel(own, options);
    this.members = new Snapshots(own, {
      backend,
      onWarning,
      store: 'device',
      limit: 1,
    });
    const floats = own.filter(({ name }) => name !== 'counter');
    this.swag = new SWAG(floats, { backend, onWarning, rank: 2, seed });
  }

  get backend(): Backend<T> {
    return this.#harness.backend;
  }

  /** Batch norm and batches, as options. */
  get batchNorm(): NonNullable<AveragedOptions<number>['batchNorm']> {
    return { model: this.bn, loader: this.bn.loader };
  }

  /** Puts other weights into the model, as training does: no part of it can fail. */
  async train(): Promise<void> {
    for (const [n, place] of this.#places.entries()) {
      const { dtype, shape } = this.backend.spec(place.get());
      const tensor = tensorOf(dtype, shape, 1000 * this.now + n);
      const handles = await this.backend.upload([tensor]);
      await place.set(handles[0] as T);
      await this.backend.dispose(handles);
    }
  }

  /** Runs an operation, of which one call fails where there is a plan. */
  async run(operation: (world: World<T>) => Promise<unknown>, plan?: Plan): Promise<Outcome> {
    const before = await this.#harness.liveTensors();
    this.faults.start(plan);
    let outcome: Outcome;
    try {
      const result = (await operation(this)) as StateTree | undefined;
      outcome = { kind: 'done', result: result === undefined ? '' : canonical(result) };
    } catch (error) {
      outcome = { kind: 'failed', error };
    }
    this.faults.stop();
    // What could not be freed is still in use where that has failed the operation, else it is left.
    const left = this.#left.splice(0);
    const isInUse = outcome.kind === 'failed' && outcome.error instanceof Fault;
    for (const tensor of isInUse ? [] : left) {
      // Unless the library has tried once more.
      await Promise.resolve(tensor)
        .then(async (one) => this.backend.dispose([one]))
        .catch(() => {});
    }
    this.alive += (await this.#harness.liveTensors()) - before;
    return outcome;
  }

  /** What the model holds. */
  async live(): Promise<readonly HostTensor[]> {
    return this.backend.download(this.#places.map((place) => place.get()));
  }

  async see(): Promise<Seen> {
    const { bn, averaged } = this;
    const statistics = bn.held.flatMap(({ mean, variance }) => [...mean, ...variance]);
    const members: StateTree[] = [];
    for (let n = 0; n < this.members.length; n += 1) members.push(await this.members.weights(n));
    return {
      live: canonical(await this.live()),
      isSwapped: String(averaged.isSwapped),
      averages: canonical(await averaged.stateDict()),
      nAvg: String(averaged.nAvg),
      statistics: statistics.join(),
      members: canonical(members),
      swag: canonical(await this.swag.stateDict()),
      alive: String(this.alive),
    };
  }

  async close(): Promise<void> {
    await this.#harness.close?.();
  }

  async #sum(): Promise<number> {
    const tensors = (await this.live()).slice(0, 2);
    return tensors
      .flatMap(({ dtype, data }) => [
        ...(dtype === 'float16'
          ? halfToFloat32(dtype, data as Uint16Array)
          : (data as Float32Array)),
      ])
      .reduce((sum, value) => sum + value, 0);
  }
}
