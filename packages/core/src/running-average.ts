// The running average of one list of parameters: their averages, how many updates made them, and one update.
import type { Backend, CompensatedAverages } from './backend.js';
import { PolyakError } from './error.js';
import type { ParameterList } from './parameter-list.js';
import { isWindow } from './rules/rule.js';
import type { AveragingRule } from './rules/rule.js';
import type { NamedRule } from './swa-options.js';
import { arrayOf, elementCount } from './tensor.js';
import type { DType, HostTensor } from './tensor.js';

/** All that a running average holds, tensors of `T`. */
export interface AverageContents<T> extends CompensatedAverages<T> {
  /** The last values of a rule with a window, the oldest first; empty for other rules. */
  readonly window: readonly (readonly T[])[];
}

export class RunningAverage<T> {
  readonly #backend: Backend<T>;
  readonly #list: ParameterList<T>;
  readonly #isCompensated: boolean;
  readonly rule: AveragingRule;
  /** In the order of the parameters; empty before the first update. While they are in the model, what the model held. */
  averages: readonly T[] = [];
  /** The averages of parameters in half precision while the model holds rounded copies of them. */
  #unrounded: readonly T[] | undefined;
  /** One for each floating parameter where the average is compensated. */
  #residuals: readonly T[] = [];
  #window: readonly (readonly T[])[] = [];
  nAvg = 0;

  constructor(backend: Backend<T>, list: ParameterList<T>, { rule, isCompensated }: NamedRule) {
    this.#backend = backend;
    this.#list = list;
    this.rule = rule;
    this.#isCompensated = isCompensated;
  }

  /** What the next live weights weigh: 1 at first, whatever the rule. */
  nextWeight(): number {
    if (this.nAvg === 0 || isWindow(this.rule)) return 1;
    const weight = this.rule.weight(this.nAvg);
    if (weight >= 0 && weight <= 1) return weight;
    throw new RangeError(
      `The rule "${this.rule.name}" gave the weight ${weight} after ${this.nAvg} updates, expected a number in [0, 1].`,
    );
  }

  /** Moves the average towards `live`, which {@link ParameterList.checkedLive} gave. */
  async update(live: readonly T[], weight: number): Promise<void> {
    if (isWindow(this.rule)) await this.#slide(live, this.rule.window);
    else await (this.nAvg === 0 ? this.#begin(live) : this.#move(live, weight));
    this.nAvg += 1;
  }

  /** What the other side of a swap is given: the averages, or what the model held before. */
  async offer(): Promise<readonly T[]> {
    const k = this.#list.halfCount;
    if (k === 0 || this.#unrounded !== undefined) return this.averages;
    const rounded = await this.#cast(
      this.averages.slice(0, k),
      this.#list.parameters.slice(0, k).map(({ spec }) => spec.dtype),
    );
    const finite = await this.#backend.allFinite(rounded);
    const bad = this.#list.names.slice(0, k).filter((_, index) => finite[index] !== true);
    if (bad.length === 0) return [...rounded, ...this.averages.slice(k)];
    await this.#backend.dispose(rounded);
    throw new PolyakError(
      'ERR_NON_FINITE',
      `The average of ${bad.map((name) => `"${name}"`).join(', ')} is beyond the largest number of the model's half precision.`,
    );
  }

  /** Takes what a swap for {@link offer} returned; gives back what of it nobody needs any more. */
  take(held: readonly T[]): readonly T[] {
    const k = this.#list.halfCount;
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
    const k = this.#unrounded === undefined ? this.#list.halfCount : 0;
    this.averages = [...this.averages.slice(0, k), ...offered.slice(k)];
    await this.#backend.dispose(offered.slice(0, k));
  }

  /** Disposes of what {@link offer} gave where no swap took it. */
  async withdraw(offered: readonly T[]): Promise<void> {
    await this.#backend.dispose(offered.filter((tensor) => !this.averages.includes(tensor)));
  }

  /** Everything it holds, on the host. */
  async download(): Promise<AverageContents<HostTensor>> {
    const window: (readonly HostTensor[])[] = [];
    for (const tensors of this.#window) window.push(await this.#backend.download(tensors));
    return {
      averages: await this.#backend.download(this.averages),
      residuals: await this.#backend.download(this.#residuals),
      window,
    };
  }

  /** Takes over `contents`, tensors of the backend, and disposes of what it held. */
  async restore(contents: AverageContents<T>, nAvg: number): Promise<void> {
    const old = [
      ...this.averages,
      ...(this.#unrounded ?? []),
      ...this.#residuals,
      ...this.#window.flat(),
    ];
    this.averages = contents.averages;
    this.#unrounded = undefined;
    this.#residuals = contents.residuals;
    this.#window = contents.window;
    this.nAvg = nAvg;
    await this.#backend.dispose(old);
  }

  /** Disposes of what it holds: the averages, or where they are in the model, what the model held before. */
  async dispose(): Promise<void> {
    await this.restore({ averages: [], residuals: [], window: [] }, 0);
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
    const k = this.#list.halfCount;
    if (k === 0) return this.#backend.clone(live);
    const wide = await this.#cast(
      live.slice(0, k),
      this.#list.parameters.slice(0, k).map(({ averageSpec }) => averageSpec.dtype),
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
    const k = this.#list.floatingCount;
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
    const averages = this.averages.slice(0, this.#list.floatingCount);
    if (!this.#isCompensated || this.#backend.averageCompensated === undefined) {
      return this.#backend.average(averages, live, weight);
    }
    const moved = await this.#backend.averageCompensated(averages, this.#residuals, live, weight);
    this.#residuals = moved.residuals;
    return moved.averages;
  }

  /** The mean of the last `size` values, made anew: an average that is added to and taken from would drift. */
  async #slide(live: readonly T[], size: number): Promise<void> {
    const window = [...this.#window, await this.#copies(live)].slice(-size);
    let averages: readonly T[];
    try {
      averages = await this.#meanOf(window);
    } catch (error) {
      await this.#backend.dispose(window.at(-1) ?? []);
      throw error;
    }
    const outdated = [
      ...this.averages,
      ...this.#window.filter((held) => !window.includes(held)).flat(),
    ];
    this.averages = averages;
    this.#window = window;
    await this.#backend.dispose(outdated);
  }

  /** New tensors: the means of the floating ones, the newest of the others. */
  async #meanOf(window: readonly (readonly T[])[]): Promise<readonly T[]> {
    const k = this.#list.floatingCount;
    const newest = window.at(-1) ?? [];
    const copies = await this.#backend.clone([
      ...(window[0] ?? []).slice(0, k),
      ...newest.slice(k),
    ]);
    let means = copies.slice(0, k);
    try {
      for (const [index, values] of window.entries()) {
        if (index > 0)
          means = [...(await this.#backend.average(means, values.slice(0, k), 1 / (index + 1)))];
      }
    } catch (error) {
      await this.#backend.dispose([...means, ...copies.slice(k)]);
      throw error;
    }
    return [...means, ...copies.slice(k)];
  }

  #zeros(): readonly HostTensor[] {
    return this.#list.parameters
      .slice(0, this.#list.floatingCount)
      .map(({ averageSpec: { dtype, shape } }) => ({
        dtype,
        shape,
        data: new (arrayOf(dtype))(elementCount(shape)),
      }));
  }
}
