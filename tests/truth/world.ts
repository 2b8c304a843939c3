// A model on a backend with everything that averages it: what a script is run on.
import { AveragedModel, ParameterSet, SWA } from '@polyak/core';
import type { AveragedOptions, AveragingOptions, NamedTensors } from '@polyak/core';
import type { BackendHarness } from '@polyak/core/conformance';
import type { Backend, HostTensor, Parameter } from '@polyak/core/interfaces';
import { arrayOf, elementCount, isHalf } from '@polyak/core/interfaces';
import { halfBits, halfValue } from '@polyak/core/kit';
import {
  FaultyBatchNorm,
  faultyBackend,
  FaultyOptimizer,
  faultyParameter,
  placesOf,
} from '../faults/model.js';
import { random } from '../support/sgd.js';
import type { Values } from './reference/averages.js';
import { Faults } from './faults.js';
import { RULES } from './reference/rules.js';
import type { Owner, Settings } from './script.js';

/** What the objects say of themselves. */
interface Counters {
  readonly swa: readonly (readonly [nAvg: number, stepCounter: number])[];
  readonly ema: number;
  readonly lr: readonly number[];
  readonly nSkipped: readonly number[];
  readonly isSwapped: readonly boolean[];
}

export class World<T> {
  readonly faults: Faults = new Faults();
  readonly places: readonly Parameter<T>[];
  readonly odd: T;
  readonly bn: FaultyBatchNorm;
  readonly optimizer: FaultyOptimizer<T>;
  readonly set: ParameterSet<T>;
  readonly saved: { [of in Owner]?: Uint8Array } = {};
  swa: SWA<T>;
  ema: AveragedModel<T>;
  /** The place whose tensor has another shape now. */
  misshapen: number | undefined;
  /** What the optimizer's next step puts into the model. */
  next: readonly HostTensor[] = [];
  readonly settings: Settings;
  readonly #harness: BackendHarness<T>;
  /** The backend, whose calls can fail. */
  readonly #faulty: Backend<T>;
  readonly #parameters: readonly Parameter<T>[];
  /** What a `dispose` that failed has not freed. */
  readonly #left: T[] = [];
  #trainings = 0;

  /** @returns a world whose model holds the first values */
  static async make<T>(harness: BackendHarness<T>, settings: Settings): Promise<World<T>> {
    const odd = (
      await harness.backend.upload([{ dtype: 'float32', shape: [7], data: new Float32Array(7) }])
    )[0] as T;
    const world = new World(harness, settings, await placesOf(harness, 1), odd);
    await world.train(world.draw());
    return world;
  }

  private constructor(
    harness: BackendHarness<T>,
    settings: Settings,
    places: readonly Parameter<T>[],
    odd: T,
  ) {
    this.odd = odd;
    this.#harness = harness;
    this.settings = settings;
    this.places = places;
    const { faults } = this;
    this.#faulty = faultyBackend(harness.backend, faults, this.#left);
    this.#parameters = places.map((place, n) => {
      const shaped: Parameter<T> = {
        name: place.name,
        get identity() {
          return place.identity;
        },
        get: () => (this.misshapen === n ? odd : place.get()),
        set: (tensor) => place.set(tensor),
      };
      return faultyParameter(shaped, faults);
    });
    this.bn = new FaultyBatchNorm(faults, async () => {
      const [first] = await this.#download([0]);
      return (first ?? []).reduce((sum, value) => sum + value, 0);
    });
    const groups = [
      { params: this.#parameters.slice(0, 3), lr: 0.5 },
      { params: this.#parameters.slice(3, 4), lr: 0.25 },
    ];
    this.optimizer = new FaultyOptimizer(faults, groups, async () => this.train(this.next));
    this.set = new ParameterSet(this.#own, { backend: this.#faulty, onWarning: this.#warn });
    this.swa = this.#swa();
    this.ema = this.#ema();
  }

  get backend(): Backend<T> {
    return this.#harness.backend;
  }

  /** A new object with the options of the old one. */
  make(of: Owner): void {
    if (of === 'swa') this.swa = this.#swa();
    else this.ema = this.#ema();
  }

  /** The parameters that no group has yet, of which each is a group of its own. */
  get late(): readonly Parameter<T>[] {
    return this.#parameters.slice(2 + this.optimizer.paramGroups.length);
  }

  get batchNorm(): NonNullable<AveragedOptions<number>['batchNorm']> {
    return { model: this.bn, loader: this.bn.loader, onWarning: this.#warn };
  }

  /** Whether a place has half precision. */
  get isHalf(): boolean {
    return this.places.some((place) => isHalf(this.backend.spec(place.get()).dtype));
  }

  /** The size of the numbers of a place. */
  sizeOf(place: number): number {
    const { size } = this.settings;
    // The running statistics depend on the sum of the first place.
    if (place === this.places.length) return 20 * size;
    // Those of half precision.
    return place === 1 || place === 4 ? Math.min(6e4, Math.max(1e-2, size)) : size;
  }

  /** Other values than ever before, for each place. */
  draw(broken?: number): readonly HostTensor[] {
    this.#trainings += 1;
    const next = random(this.#trainings);
    return this.places.map((place, n) => {
      const { dtype, shape } = this.backend.spec(place.get());
      const own = this.sizeOf(n);
      const data = new (arrayOf(dtype))(elementCount(shape));
      for (let i = 0; i < data.length; i += 1) {
        let value = dtype.includes('int') ? Math.floor(next() * 100) : (next() * 2 - 1) * own;
        if (broken === n && i === 1 && !dtype.includes('int'))
          value = next() < 0.5 ? NaN : Infinity;
        data[i] = (
          isHalf(dtype)
            ? halfBits(dtype, value)
            : dtype.endsWith('64') && dtype !== 'float64'
              ? BigInt(value)
              : value
        ) as never;
      }
      return { dtype, shape, data };
    });
  }

  /** Puts values into the model, as training does. */
  async train(values: readonly HostTensor[]): Promise<void> {
    const handles = await this.backend.upload(values);
    for (const [n, place] of this.places.entries()) await place.set(handles[n] as T);
    await this.backend.dispose(handles);
  }

  /** The values as `ParameterSet` takes them. */
  named(values: readonly HostTensor[]): NamedTensors {
    const specs = [...this.set.specs];
    return Object.fromEntries(
      specs.map(([name, { dtype, shape }], n) => {
        const numbers = numbersOf(values[n] as HostTensor);
        const array = new (arrayOf(dtype))(numbers.length);
        numbers.forEach(
          (value, i) =>
            (array[i] = (
              dtype.endsWith('64') && dtype !== 'float64' ? BigInt(value) : value
            ) as never),
        );
        return [name, { dtype, shape, data: array }];
      }),
    );
  }

  /** What the model holds, with its running statistics last. */
  async held(): Promise<Values> {
    const statistics = this.bn.held.flatMap(({ mean, variance }) => [...mean, ...variance]);
    return [...(await this.#download(this.places.keys())), statistics];
  }

  counters(): Counters {
    const { swa, ema, optimizer } = this;
    return {
      swa: swa.paramGroups.map(({ nAvg, stepCounter }) => [nAvg, stepCounter]),
      ema: ema.nAvg,
      lr: optimizer.paramGroups.map(({ lr }) => lr),
      nSkipped: [swa.nSkipped, ema.nSkipped],
      isSwapped: [swa.isSwapped, ema.isSwapped],
    };
  }

  /** Frees what a `dispose` that failed has left, unless the library has tried once more. */
  async freeLeft(): Promise<void> {
    for (const tensor of this.#left.splice(0)) {
      try {
        await this.backend.dispose([tensor]);
      } catch {
        // It has.
      }
    }
  }

  async close(): Promise<void> {
    await this.backend.dispose([this.odd]);
  }

  get #own(): readonly Parameter<T>[] {
    return this.#parameters.slice(0, 4);
  }

  readonly #warn = (): void => this.faults.call('onWarning', () => {}, { throws: true });

  #options(of: Owner): AveragingOptions<T> {
    const averages = Object.fromEntries(this.settings[of].map((name) => [name, RULES[name].rule]));
    const { nonFinite, isWatched } = this.settings;
    const onUpdate = (): void => this.faults.call('onUpdate', () => {});
    const own = { backend: this.#faulty, averages, nonFinite, onWarning: this.#warn };
    return isWatched ? { ...own, onUpdate } : own;
  }

  #swa(): SWA<T> {
    return new SWA(this.optimizer, { ...this.#options('swa'), ...this.settings.mode });
  }

  #ema(): AveragedModel<T> {
    return new AveragedModel(() => this.#own, this.#options('ema'));
  }

  async #download(indices: Iterable<number>): Promise<Values> {
    const handles = Array.from(indices, (n) => (this.places[n] as Parameter<T>).get());
    return (await this.backend.download(handles)).map(numbersOf);
  }
}

/** The elements as numbers. */
export function numbersOf({ dtype, data }: HostTensor): readonly number[] {
  return Array.from(data as Iterable<number | bigint>, (element) =>
    isHalf(dtype) ? halfValue(dtype, Number(element)) : Number(element),
  );
}
