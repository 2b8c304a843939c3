// What averages, counters and the model must be after each call: plain numbers in float64.
import { groupOf, updateGroup } from './averages.js';
import type { Group, Values } from './averages.js';
import { NO_AVERAGE } from './script.js';
import type { Owner, Settings, Shown } from './script.js';

interface Loan {
  readonly places: readonly number[];
  readonly kept: Values;
  readonly average: number;
  readonly by: string;
  isLeft: boolean;
  isTrained: boolean;
}

interface Holder {
  groups: Group[];
  loan: Loan | undefined;
  isDisposed: boolean;
  isBusy: boolean;
  nSkipped: number;
}

type Name = Owner | 'set';

class Refusal extends Error {}

function refuse(code: string): never {
  throw new Refusal(code);
}

const OWN = [0, 1, 2, 3];

export class Truth {
  readonly #settings: Settings;
  readonly #isInteger: readonly boolean[];
  readonly #statistics: number;
  held: number[][];
  holders: Record<Name, Holder>;
  lr = [0.5, 0.25];
  misshapen: number | undefined;
  #rates: number[] = [];
  #saved: { [of in Owner]?: { readonly groups: Group[]; readonly lr: number[] } } = {};

  constructor(settings: Settings, values: Values, isInteger: readonly boolean[]) {
    this.#settings = settings;
    this.#isInteger = isInteger;
    this.#statistics = values.length - 1;
    this.held = values.map((numbers) => [...numbers]);
    this.holders = { swa: made([[0, 1, 2], [3]]), ema: made([OWN]), set: made([OWN]) };
  }

  /** Makes a call, and says how it ends. A call that is refused changes nothing. */
  attempt(call: () => void): string {
    const { held, holders, lr } = structuredClone({
      held: this.held,
      holders: this.holders,
      lr: this.lr,
    });
    try {
      call();
      return 'done';
    } catch (error) {
      Object.assign(this, { held, holders, lr });
      if (error instanceof Refusal) return error.message;
      throw error;
    }
  }

  train(values: Values): void {
    values.forEach((numbers, place) => (this.held[place] = [...numbers]));
    for (const { loan } of Object.values(this.holders)) if (loan) loan.isTrained = true;
  }

  update(of: Owner, chosen?: number): void {
    const own = this.#idle(of);
    this.#requireLive(of);
    this.#average(of, chosen === undefined ? own.groups : own.groups.slice(chosen, chosen + 1));
  }

  beginStep(): void {
    const own = this.#idle('swa');
    this.#requireLive('swa');
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
    if (values !== undefined) this.train(values);
    const { swaStart = Infinity, swaFreq = 1 } = this.#settings.mode;
    const outcome = this.attempt(() => {
      if (fails) refuse('thrown');
      if (this.#lent(placesOf(own)).length > 0) refuse('ERR_SWAPPED');
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
    const { isDisposed, loan } = this.holders[of];
    if (isDisposed) refuse('ERR_DISPOSED');
    const isSame = average === undefined || this.#indexOf(shown) === loan?.average;
    if (loan?.by === 'swap' && isSame) {
      this.#idle(of);
      return this.takeBack(of);
    }
    this.show(shown, 'swap');
    const lent = this.holders[of].loan;
    if (isLeft && lent !== undefined) lent.isLeft = true;
  }

  show(shown: Shown, by: string): void {
    const { of, batchNorm } = shown;
    const average = this.#indexOf(shown);
    if (average === undefined) refuse('RangeError');
    const own = this.#idle(of);
    if (placesOf(own).some((place) => place === this.misshapen)) refuse('ERR_PARAMETERS');
    const averaged = own.groups.filter(({ nAvg }) => nAvg > 0);
    if (averaged.length === 0) refuse('ERR_NO_AVERAGES');
    this.#requireLive(of, batchNorm);
    const values = averaged.flatMap(({ averages }) => averages[average] ?? []);
    this.#lend(
      own,
      averaged.flatMap(({ places }) => places),
      values,
      { average, batchNorm, by },
    );
  }

  showWeights(values: Values, batchNorm: boolean): void {
    this.#requireSet(batchNorm);
    this.#lend(this.holders.set, OWN, values, { average: 0, batchNorm, by: 'withWeights' });
  }

  takeBack(of: Name): void {
    const { loan } = this.holders[of];
    loan?.places.forEach((place, n) => (this.held[place] = [...(loan.kept[n] ?? [])]));
    this.holders[of].loan = undefined;
  }

  write(values: Values): void {
    this.#requireSet(false);
    OWN.forEach((place) => (this.held[place] = [...(values[place] ?? [])]));
  }

  read(): void {
    this.#requireSet(false);
    if (!this.#isFinite(OWN)) refuse('ERR_NON_FINITE');
  }

  recall(): void {
    this.#requireLive('set');
  }

  bnUpdate(): void {
    const sum = (this.held[0] ?? []).reduce((total, value) => total + value, 0);
    if (!Number.isFinite(sum)) refuse('ERR_NON_FINITE');
    // Of three batches of 8 samples; the first layer keeps unbiased variances.
    const [mean, other] = [sum + 2, sum * 2];
    this.held[this.#statistics] = [mean, other, 24 / 7, 16 / 7, mean, other + 1, 3, 3];
  }

  addParamGroup(place: number): void {
    const own = this.#idle('swa');
    this.#requireLive('swa');
    own.groups.push(groupOf([place]));
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
    const own = this.#idle(of);
    const { groups, lr } = saved;
    if (groups.length !== own.groups.length) refuse('ERR_STATE');
    this.#requireLive(of);
    this.holders[of].groups = groups;
    if (of === 'swa') this.lr = lr;
  }

  dispose(of: Owner, keep: 'live' | 'averages'): void {
    const own = this.#idle(of);
    const isKept = keep === 'averages' && own.loan !== undefined && own.loan.by !== 'withAveraged';
    if (!isKept && own.loan?.isLeft === false) refuse('ERR_SWAPPED');
    if (keep === 'averages' && own.loan === undefined) refuse('ERR_NO_AVERAGES');
    if (!isKept && own.loan !== undefined) this.#recall(of);
    own.loan = undefined;
    own.isDisposed = true;
    for (const group of own.groups) Object.assign(group, { nAvg: 0, averages: [], windows: [] });
  }

  make(of: Owner): void {
    this.holders[of] = made(this.holders[of].groups.map(({ places }) => places));
  }

  #indexOf({ of, average = 0 }: Shown): number | undefined {
    return average === NO_AVERAGE ? undefined : average % this.#settings[of].length;
  }

  #idle(of: Name): Holder {
    const own = this.holders[of];
    if (own.isBusy) refuse('ERR_BUSY');
    if (own.isDisposed) refuse('ERR_DISPOSED');
    return own;
  }

  #requireLive(of: Name, batchNorm = false): void {
    const own = this.holders[of];
    if (own.loan?.isLeft === false) refuse('ERR_SWAPPED');
    const names = this.#lent([...placesOf(own), ...(batchNorm ? [this.#statistics] : [])]);
    if (names.some((name) => this.holders[name].loan?.isLeft === false)) refuse('ERR_SWAPPED');
    for (const name of names) this.#recall(name);
  }

  #requireSet(batchNorm: boolean): void {
    this.#requireLive('set', batchNorm);
    if (OWN.some((place) => place === this.misshapen)) refuse('ERR_PARAMETERS');
  }

  /** Whose loans have one of these places. */
  #lent(places: readonly number[]): readonly Name[] {
    return (['swa', 'ema', 'set'] as const).filter((name) =>
      this.holders[name].loan?.places.some((place) => places.includes(place)),
    );
  }

  #recall(of: Name): void {
    const { loan } = this.holders[of];
    if (loan?.isLeft === true && loan.isTrained) refuse('ERR_SWAPPED');
    this.takeBack(of);
  }

  #lend(
    own: Holder,
    parameters: readonly number[],
    values: Values,
    { average, batchNorm, by }: { average: number; batchNorm: boolean; by: string },
  ): void {
    const places = [...parameters, ...(batchNorm ? [this.#statistics] : [])];
    const kept = places.map((place) => this.held[place] ?? []);
    own.loan = { places, kept, average, by, isLeft: false, isTrained: false };
    parameters.forEach((place, n) => (this.held[place] = [...(values[n] ?? [])]));
    if (batchNorm) this.bnUpdate();
  }

  #isFinite(places: readonly number[]): boolean {
    return places.every((place) => this.held[place]?.every(Number.isFinite));
  }

  #average(of: Owner, groups: readonly Group[]): void {
    const due = groups.flatMap(({ places }) => places);
    if (due.some((place) => place === this.misshapen)) refuse('ERR_PARAMETERS');
    const { nonFinite } = this.#settings;
    if (nonFinite !== 'allow' && !this.#isFinite(due)) {
      if (nonFinite === 'refuse') refuse('ERR_NON_FINITE');
      this.holders[of].nSkipped += 1;
      return;
    }
    for (const group of groups) {
      const live = group.places.map((place) => this.held[place] ?? []);
      updateGroup(group, this.#settings[of], live, this.#isInteger);
    }
  }
}

function placesOf({ groups }: Holder): readonly number[] {
  return groups.flatMap(({ places }) => places);
}

function made(places: readonly (readonly number[])[]): Holder {
  const groups = places.map(groupOf);
  return { groups, loan: undefined, isDisposed: false, isBusy: false, nSkipped: 0 };
}
