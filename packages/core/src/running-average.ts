// The running average of one list of parameters: their averages, how many updates made them, and one update.
import type { Backend, CompensatedAverages, Parameter } from './backend.js';
import { PolyakError } from './error.js';
import type { AveragingRule } from './rule.js';
import { arrayOf, elementCount, formatSpec, isFloating, sameSpec } from './tensor.js';
import type { HostTensor, TensorSpec } from './tensor.js';

/** A parameter with the dtype and shape that its average has. */
export interface AveragedParameter<T> {
  readonly parameter: Parameter<T>;
  readonly spec: TensorSpec;
}

export class RunningAverage<T> {
  readonly #backend: Backend<T>;
  readonly #rule: AveragingRule;
  readonly #isCompensated: boolean;
  /** The floating parameters, which are averaged, before the others, which are copied. */
  readonly parameters: readonly AveragedParameter<T>[];
  readonly floatingCount: number;
  /** In the order of the parameters; empty before the first update. */
  averages: readonly T[] = [];
  /** One for each floating parameter where the average is compensated. */
  #residuals: readonly T[] = [];
  nAvg = 0;

  constructor(
    backend: Backend<T>,
    rule: AveragingRule,
    parameters: readonly Parameter<T>[],
    isCompensated: boolean,
  ) {
    this.#backend = backend;
    this.#rule = rule;
    this.#isCompensated = isCompensated;
    const averaged = parameters.map((parameter) => ({ parameter, spec: declaredSpec(backend, parameter) }));
    const floating = averaged.filter(({ spec }) => isFloating(spec.dtype));
    this.parameters = [...floating, ...averaged.filter(({ spec }) => !isFloating(spec.dtype))];
    this.floatingCount = floating.length;
  }

  /** The live tensors, refused where a shape or a dtype has changed. */
  live(call: string): readonly T[] {
    return this.parameters.map(({ parameter, spec }) => {
      const tensor = parameter.get();
      const found = this.#backend.spec(tensor);
      if (sameSpec(found, spec)) return tensor;
      throw new PolyakError(
        'ERR_PARAMETERS',
        `${call}: "${parameter.name}" is ${formatSpec(found)}, its average ${formatSpec(spec)}. ` +
          `Pass the same model's parameters or make a new SWA.`,
      );
    });
  }

  /** The live tensors, refused also where a value makes them unfit to be averaged. */
  async checkedLive(call: string): Promise<readonly T[]> {
    const live = this.live(call);
    const finite = await this.#backend.allFinite(live);
    const bad = this.parameters.filter((_, index) => finite[index] !== true);
    if (bad.length > 0) {
      throw new PolyakError(
        'ERR_NON_FINITE',
        `${call}: NaN or an infinity in ${bad.map(({ parameter }) => `"${parameter.name}"`).join(', ')} would destroy ` +
          `the average. The averages are as they were: put finite weights back and go on.`,
      );
    }
    return live;
  }

  /** What the next live weights weigh: 1 at first, whatever the rule. */
  nextWeight(): number {
    if (this.nAvg === 0) return 1;
    const weight = this.#rule.weight(this.nAvg);
    if (weight >= 0 && weight <= 1) return weight;
    throw new RangeError(
      `The rule "${this.#rule.name}" gave the weight ${weight} after ${this.nAvg} updates, expected a number in [0, 1].`,
    );
  }

  /** Moves the average towards `live`, which {@link checkedLive} gave. */
  async update(live: readonly T[], weight: number): Promise<void> {
    await (this.nAvg === 0 ? this.#begin(live) : this.#move(live, weight));
    this.nAvg += 1;
  }

  /** The averages and, where there are any, the residuals, on the host. */
  async download(): Promise<CompensatedAverages<HostTensor>> {
    return {
      averages: await this.#backend.download(this.averages),
      residuals: await this.#backend.download(this.#residuals),
    };
  }

  /** Takes over `contents`, tensors of the backend, and disposes of what it held. */
  async restore(contents: CompensatedAverages<T>, nAvg: number): Promise<void> {
    const old = [...this.averages, ...this.#residuals];
    this.averages = contents.averages;
    this.#residuals = contents.residuals;
    this.nAvg = nAvg;
    await this.#backend.dispose(old);
  }

  async #begin(live: readonly T[]): Promise<void> {
    const averages = await this.#backend.clone(live);
    try {
      this.#residuals = await this.#backend.upload(this.#isCompensated ? this.#zeros() : []);
    } catch (error) {
      await this.#backend.dispose(averages);
      throw error;
    }
    this.averages = averages;
  }

  async #move(live: readonly T[], weight: number): Promise<void> {
    const k = this.floatingCount;
    const copies = await this.#backend.clone(live.slice(k));
    const outdated = this.averages.slice(k);
    try {
      this.averages = [...(await this.#average(live.slice(0, k), weight)), ...copies];
    } catch (error) {
      await this.#backend.dispose(copies);
      throw error;
    }
    await this.#backend.dispose(outdated);
  }

  async #average(live: readonly T[], weight: number): Promise<readonly T[]> {
    const averages = this.averages.slice(0, this.floatingCount);
    if (!this.#isCompensated || this.#backend.averageCompensated === undefined) {
      return this.#backend.average(averages, live, weight);
    }
    const moved = await this.#backend.averageCompensated(averages, this.#residuals, live, weight);
    this.#residuals = moved.residuals;
    return moved.averages;
  }

  #zeros(): readonly HostTensor[] {
    return this.parameters.slice(0, this.floatingCount).map(({ spec: { dtype, shape } }) => ({
      dtype,
      shape,
      data: new (arrayOf(dtype))(elementCount(shape)),
    }));
  }
}

function declaredSpec<T>(backend: Backend<T>, parameter: Parameter<T>): TensorSpec {
  const spec = backend.spec(parameter.get());
  if (backend.dtypes.includes(spec.dtype)) return spec;
  throw new PolyakError(
    'ERR_UNSUPPORTED',
    `"${parameter.name}" is ${formatSpec(spec)}; the backend ${backend.name} takes ${backend.dtypes.join(', ')}.`,
  );
}
