// The running average of one list of parameters: their averages, how many updates made them, and one update.
import type { Backend, CompensatedAverages, Parameter } from './backend.js';
import { PolyakError } from './error.js';
import type { AveragingRule } from './rule.js';
import { arrayOf, elementCount, formatSpec, isFloating, isHalf, sameSpec } from './tensor.js';
import type { DType, HostTensor, TensorSpec } from './tensor.js';

/** A parameter with the dtype and shape that it has, and those of its average. */
export interface AveragedParameter<T> {
  readonly parameter: Parameter<T>;
  readonly spec: TensorSpec;
  /** The same, but float32 where `spec` is half precision: too coarse to hold an average. */
  readonly averageSpec: TensorSpec;
}

export class RunningAverage<T> {
  readonly #backend: Backend<T>;
  readonly #rule: AveragingRule;
  readonly #isCompensated: boolean;
  /** The floating parameters, which are averaged, those in half precision first; then the others, which are copied. */
  readonly parameters: readonly AveragedParameter<T>[];
  readonly halfCount: number;
  readonly floatingCount: number;
  /** In the order of the parameters; empty before the first update. While they are in the model, what the model held. */
  averages: readonly T[] = [];
  /** The averages of parameters in half precision while the model holds rounded copies of them. */
  #unrounded: readonly T[] | undefined;
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
    const averaged = parameters.map((parameter) => averagedParameter(backend, parameter));
    const halves = averaged.filter(({ spec }) => isHalf(spec.dtype));
    const floats = averaged.filter(({ spec }) => isFloating(spec.dtype) && !isHalf(spec.dtype));
    this.parameters = [...halves, ...floats, ...averaged.filter(({ spec }) => !isFloating(spec.dtype))];
    this.halfCount = halves.length;
    this.floatingCount = halves.length + floats.length;
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

  /** What the other side of a swap is given: the averages, or what the model held before. */
  async offer(): Promise<readonly T[]> {
    const k = this.halfCount;
    if (k === 0 || this.#unrounded !== undefined) return this.averages;
    const rounded = await this.#cast(
      this.averages.slice(0, k),
      this.parameters.slice(0, k).map(({ spec }) => spec.dtype),
    );
    return [...rounded, ...this.averages.slice(k)];
  }

  /** Takes what a swap for {@link offer} returned; gives back what of it nobody needs any more. */
  take(held: readonly T[]): readonly T[] {
    const k = this.halfCount;
    const unrounded = this.#unrounded;
    if (unrounded === undefined) {
      this.#unrounded = this.averages.slice(0, k);
      this.averages = held;
      return [];
    }
    this.#unrounded = undefined;
    this.averages = [...unrounded, ...held.slice(k)];
    return held.slice(0, k);
  }

  /** Takes the handles of what {@link offer} gave, from a swap that was undone. */
  async takeBack(offered: readonly T[]): Promise<void> {
    const k = this.#unrounded === undefined ? this.halfCount : 0;
    this.averages = [...this.averages.slice(0, k), ...offered.slice(k)];
    await this.#backend.dispose(offered.slice(0, k));
  }

  /** Disposes of what {@link offer} gave where no swap took it. */
  async withdraw(offered: readonly T[]): Promise<void> {
    await this.#backend.dispose(offered.filter((tensor) => !this.averages.includes(tensor)));
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
    const averages = await this.#copies(live);
    try {
      this.#residuals = await this.#backend.upload(this.#isCompensated ? this.#zeros() : []);
    } catch (error) {
      await this.#backend.dispose(averages);
      throw error;
    }
    this.averages = averages;
  }

  async #copies(live: readonly T[]): Promise<readonly T[]> {
    const k = this.halfCount;
    if (k === 0) return this.#backend.clone(live);
    const wide = await this.#cast(
      live.slice(0, k),
      this.parameters.slice(0, k).map(({ averageSpec }) => averageSpec.dtype),
    );
    try {
      return [...wide, ...(await this.#backend.clone(live.slice(k)))];
    } catch (error) {
      await this.#backend.dispose(wide);
      throw error;
    }
  }

  async #cast(tensors: readonly T[], dtypes: readonly DType[]): Promise<readonly T[]> {
    const { cast, name } = this.#backend;
    if (cast === undefined) throw new TypeError(`The backend ${name} lacks cast.`);
    return cast.call(this.#backend, tensors, dtypes);
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
    return this.parameters.slice(0, this.floatingCount).map(({ averageSpec: { dtype, shape } }) => ({
      dtype,
      shape,
      data: new (arrayOf(dtype))(elementCount(shape)),
    }));
  }
}

function averagedParameter<T>(backend: Backend<T>, parameter: Parameter<T>): AveragedParameter<T> {
  const spec = backend.spec(parameter.get());
  const isNarrow = isHalf(spec.dtype);
  if (backend.dtypes.includes(spec.dtype) && (!isNarrow || backend.cast !== undefined)) {
    return { parameter, spec, averageSpec: isNarrow ? { ...spec, dtype: 'float32' } : spec };
  }
  const dtypes = backend.dtypes.filter((dtype) => dtype !== spec.dtype);
  throw new PolyakError(
    'ERR_UNSUPPORTED',
    `"${parameter.name}" is ${formatSpec(spec)}; the backend ${backend.name} takes ${dtypes.join(', ')}.`,
  );
}
