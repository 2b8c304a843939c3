// What averages, counters and the model must be after each call: plain numbers in float64.
import { groupOf, updateGroup } from './averages.js';
import type { Group, Values } from './averages.js';
import { codeOf, Held, OWN, refuse } from './held.js';
import { NO_AVERAGE } from '../script.js';
import type { Owner, Settings, Shown } from '../script.js';

interface Holder {
  groups: Group[];
  isDisposed: boolean;
  isBusy: boolean;
  nSkipped: number;
}

export class Truth {
  readonly #settings: Settings;
  readonly #isInteger: readonly boolean[];
  readonly model: Held;
  holders: Record<Owner, Holder>;
  lr = [0.5, 0.25];
  #rates: number[] = [];
  #saved: { [of in Owner]?: { readonly groups: Group[]; readonly lr: number[] } } = {};

  constructor(settings: Settings, values: Values, isInteger: readonly boolean[]) {
    this.#settings = settings;
    this.#isInteger = isInteger;
    this.model = new Held(values);
    this.holders = { swa: made([[0, 1, 2], [3]]), ema: made([OWN]) };
  }

  /** Makes a call, and says how it ends. A call that is refused changes nothing. */
  attempt(call: () => void): string {
    const { model, holders, lr } = this;
    const { values, loans } = model;
    const before = structuredClone({ model: { values, loans }, own: { holders, lr } });
    try {
      call();
      return 'done';
    } catch (error) {
      Object.assign(model, before.model);
      Object.assign(this, before.own);
      return codeOf(error);
    }
  }

  update(of: Owner, chosen?: number): void {
    const own = this.#live(of);
    this.#average(of, chosen === undefined ? own.groups : own.groups.slice(chosen, chosen + 1));
  }

  beginStep(): void {
    const own = this.#live('swa');
    this.#rates = [...this.lr];
    this.resetLr();
    own.isBusy = true;
  }

  /**
   * How the step ends.
   *
   * @param values - what the optimizer has put into the model
   * @param fails - whether it has failed, or the update after it
   */
  endStep(values: Values | undefined, fails: boolean): string {
    const own = this.holders.swa;
    own.isBusy = false;
    if (values !== undefined) this.model.train(values);
    const { swaStart = Infinity, swaFreq = 1 } = this.#settings.mode;
    const outcome = this.attempt(() => {
      if (fails) refuse('thrown');
      if (this.model.lenders(placesOf(own)).length > 0) refuse('ERR_SWAPPED');
      const due = own.groups.filter(
        ({ stepCounter: n }) => n >= swaStart && (n + 1) % swaFreq === 0,
      );
      if (due.length > 0) this.#average('swa', due);
      for (const group of this.holders.swa.groups) group.stepCounter += 1;
    });
    if (outcome !== 'done') this.lr = this.#rates;
    return outcome;
  }

  resetLr(): void {
    const { swaStart = Infinity, swaLr } = this.#settings.mode;
    this.holders.swa.groups.forEach(({ stepCounter }, n) => {
      if (swaLr !== undefined && stepCounter >= swaStart) this.lr[n] = swaLr;
    });
  }

  swap(shown: Shown, isLeft: boolean): void {
    const { of, average } = shown;
    if (this.holders[of].isDisposed) refuse('ERR_DISPOSED');
    const loan = this.model.loans[of];
    const isSame = average === undefined || this.#indexOf(shown) === loan?.average;
    if (loan?.by === 'swap' && isSame) {
      this.#idle(of);
      return this.model.takeBack(of);
    }
    this.show(shown, 'swap');
    const lent = this.model.loans[of];
    if (isLeft && lent !== undefined) lent.isLeft = true;
  }

  show(shown: Shown, by: string): void {
    const { of, batchNorm } = shown;
    const average = this.#indexOf(shown);
    if (average === undefined) refuse('RangeError');
    const own = this.#idle(of);
    this.model.requireShape(placesOf(own));
    const averaged = own.groups.filter(({ nAvg }) => nAvg > 0);
    if (averaged.length === 0) refuse('ERR_NO_AVERAGES');
    this.#live(of, batchNorm);
    const values = averaged.flatMap(({ averages }) => averages[average] ?? []);
    const places = averaged.flatMap((group) => group.places);
    this.model.lend(of, values, { places, average, batchNorm, by });
  }

  showWeights(values: Values, batchNorm: boolean): void {
    this.#requireSet(batchNorm);
    this.model.lend('set', values, { places: OWN, average: 0, batchNorm, by: 'withWeights' });
  }

  write(values: Values): void {
    this.#requireSet();
    this.model.put(OWN, values);
  }

  read(): void {
    this.#requireSet();
    if (!this.model.isFinite(OWN)) refuse('ERR_NON_FINITE');
  }

  addParamGroup(place: number): void {
    this.#live('swa').groups.push(groupOf([place]));
    this.lr.push(0.125);
  }

  beginState(of: Owner): void {
    this.#idle(of).isBusy = true;
  }

  save(of: Owner): void {
    const { groups } = this.#idle(of);
    this.#saved[of] = structuredClone({ groups, lr: this.lr });
  }

  load(of: Owner): void {
    const saved = structuredClone(this.#saved[of]);
    if (saved === undefined) return;
    const { groups, lr } = saved;
    if (groups.length !== this.#idle(of).groups.length) refuse('ERR_STATE');
    this.#live(of).groups = groups;
    if (of === 'swa') this.lr = lr;
  }

  dispose(of: Owner, keep: 'live' | 'averages'): void {
    const own = this.#idle(of);
    const loan = this.model.loans[of];
    const isKept = keep === 'averages' && loan !== undefined && loan.by !== 'withAveraged';
    if (!isKept && loan?.isLeft === false) refuse('ERR_SWAPPED');
    if (keep === 'averages' && loan === undefined) refuse('ERR_NO_AVERAGES');
    if (!isKept) this.model.recall(of);
    this.model.loans[of] = undefined;
    own.isDisposed = true;
    for (const group of own.groups) Object.assign(group, { nAvg: 0, averages: [], windows: [] });
  }

  make(of: Owner): void {
    this.holders[of] = made(this.holders[of].groups.map(({ places }) => places));
  }

  #indexOf({ of, average = 0 }: Shown): number | undefined {
    return average === NO_AVERAGE ? undefined : average % this.#settings[of].length;
  }

  #idle(of: Owner): Holder {
    const own = this.holders[of];
    if (own.isBusy) refuse('ERR_BUSY');
    if (own.isDisposed) refuse('ERR_DISPOSED');
    return own;
  }

  /** The object, whose live weights are in the model from here on. */
  #live(of: Owner, batchNorm = false): Holder {
    const own = this.#idle(of);
    this.model.requireLive(placesOf(own), batchNorm);
    return own;
  }

  #requireSet(batchNorm = false): void {
    this.model.requireLive(OWN, batchNorm);
    this.model.requireShape(OWN);
  }

  #average(of: Owner, groups: readonly Group[]): void {
    const due = groups.flatMap(({ places }) => places);
    this.model.requireShape(due);
    const { nonFinite } = this.#settings;
    if (nonFinite !== 'allow' && !this.model.isFinite(due)) {
      if (nonFinite === 'refuse') refuse('ERR_NON_FINITE');
      this.holders[of].nSkipped += 1;
      return;
    }
    for (const group of groups) {
      updateGroup(group, this.#settings[of], this.model.at(group.places), this.#isInteger);
    }
  }
}

function placesOf({ groups }: Holder): readonly number[] {
  return groups.flatMap(({ places }) => places);
}

function made(places: readonly (readonly number[])[]): Holder {
  return { groups: places.map(groupOf), isDisposed: false, isBusy: false, nSkipped: 0 };
}
