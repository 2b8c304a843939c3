// What the model holds, and who has put it there: with plain numbers, without any average.
import type { Values } from './averages.js';
import type { Owner } from '../script.js';

/** Who can put weights into the model. */
export type Name = Owner | 'set';

/** Weights that are in the model for a while. */
interface Loan {
  readonly places: readonly number[];
  /** What the places held before. */
  readonly kept: Values;
  readonly average: number;
  readonly by: string;
  /** Whether the next call that needs the live weights takes it out. */
  isLeft: boolean;
  isTrained: boolean;
}

/** What to put into the model. */
interface Terms extends Pick<Loan, 'places' | 'average' | 'by'> {
  readonly batchNorm: boolean;
}

class Refusal extends Error {}

export function refuse(code: string): never {
  throw new Refusal(code);
}

/** The code of a refusal. */
export function codeOf(error: unknown): string {
  if (error instanceof Refusal) return error.message;
  throw error;
}

/** The places that every object has. */
export const OWN: readonly number[] = [0, 1, 2, 3];

export class Held {
  /** The numbers of each place; the running statistics come last. */
  values: number[][];
  loans: { [name in Name]?: Loan | undefined } = {};
  misshapen: number | undefined;
  readonly #statistics: number;

  constructor(values: Values) {
    this.#statistics = values.length - 1;
    this.values = values.map((numbers) => [...numbers]);
  }

  at(places: readonly number[]): Values {
    return places.map((place) => this.values[place] ?? []);
  }

  put(places: readonly number[], values: Values): void {
    places.forEach((place, n) => (this.values[place] = [...(values[n] ?? [])]));
  }

  train(values: Values): void {
    this.put([...values.keys()], values);
    for (const loan of Object.values(this.loans)) if (loan) loan.isTrained = true;
  }

  bnUpdate(): void {
    const sum = (this.values[0] ?? []).reduce((total, value) => total + value, 0);
    if (!Number.isFinite(sum)) refuse('ERR_NON_FINITE');
    // Of three batches of 8 samples; the first layer keeps unbiased variances.
    const [mean, other] = [sum + 2, sum * 2];
    this.values[this.#statistics] = [mean, other, 24 / 7, 16 / 7, mean, other + 1, 3, 3];
  }

  lend(name: Name, values: Values, { places, batchNorm, average, by }: Terms): void {
    const all = this.#withStatistics(places, batchNorm);
    const loan = { places: all, kept: this.at(all), average, by, isLeft: false, isTrained: false };
    this.loans[name] = loan;
    this.put(places, values);
    if (batchNorm) this.bnUpdate();
  }

  takeBack(name: Name): void {
    const loan = this.loans[name];
    if (loan) this.put(loan.places, loan.kept);
    this.loans[name] = undefined;
  }

  /** Takes out what was left in the model, unless that was trained. */
  recall(name: Name): void {
    const loan = this.loans[name];
    if (loan?.isLeft === true && loan.isTrained) refuse('ERR_SWAPPED');
    this.takeBack(name);
  }

  requireLive(places: readonly number[], batchNorm = false): void {
    const names = this.lenders(this.#withStatistics(places, batchNorm));
    if (names.some((name) => this.loans[name]?.isLeft === false)) refuse('ERR_SWAPPED');
    for (const name of names) this.recall(name);
  }

  /** Whose loans have one of these places. */
  lenders(places: readonly number[]): readonly Name[] {
    return (['swa', 'ema', 'set'] as const).filter((name) =>
      this.loans[name]?.places.some((place) => places.includes(place)),
    );
  }

  requireShape(places: readonly number[]): void {
    if (places.some((place) => place === this.misshapen)) refuse('ERR_PARAMETERS');
  }

  isFinite(places: readonly number[]): boolean {
    return places.every((place) => this.values[place]?.every(Number.isFinite));
  }

  /**
   * After two calls have failed one after the other: in the places of loans, other weights may be
   * left. They go with the loan.
   */
  adopt(found: Values): void {
    for (const loan of Object.values(this.loans)) {
      for (const place of loan?.places ?? []) {
        const [now = [], before] = [found[place], this.values[place]];
        const isSame = now.every((value, i) => Object.is(value, before?.[i]));
        if (loan && !isSame && place !== this.#statistics) loan.isTrained = true;
        this.values[place] = [...now];
      }
    }
  }

  #withStatistics(places: readonly number[], batchNorm: boolean): readonly number[] {
    return batchNorm ? [...places, this.#statistics] : places;
  }
}
