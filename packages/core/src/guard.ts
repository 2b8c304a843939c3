// Refuses misuse of one SWA, or of what is like it: calls that overlap, and calls that need the live weights while the averages are in the model.
import { PolyakError } from './error.js';

/** What the model holds: its live weights, or the averages. */
type Status =
  | { readonly kind: 'live' }
  | { readonly kind: 'swapped'; readonly by: 'swapSwaSgd' | 'withAveraged'; readonly index: number }
  | { readonly kind: 'disposed' };

export class Guard {
  status: Status = { kind: 'live' };
  readonly #what: string;
  #underWay: string | undefined;

  /** @param what - is guarded, as messages name it */
  constructor(what = 'SWA') {
    this.#what = what;
  }

  /** Refuses `call` unless the model holds its live weights. */
  requireLive(call: string): void {
    if (this.status.kind === 'disposed') {
      throw new PolyakError(
        'ERR_DISPOSED',
        `${call}: this ${this.#what} was disposed of. Make a new one.`,
      );
    }
    if (this.status.kind === 'swapped') {
      const remedy =
        this.status.by === 'swapSwaSgd' ? 'Call swapSwaSgd once more' : 'Wait for withAveraged';
      throw new PolyakError(
        'ERR_SWAPPED',
        `${call}: the model holds the averages. ${remedy} first.`,
      );
    }
  }

  /** Runs `work` unless another call is under way. */
  async alone<R>(call: string, work: () => Promise<R>): Promise<R> {
    if (this.#underWay !== undefined) {
      throw new PolyakError(
        'ERR_BUSY',
        `${call}: ${this.#underWay} has not finished. Await it first.`,
      );
    }
    this.#underWay = call;
    try {
      return await work();
    } finally {
      this.#underWay = undefined;
    }
  }

  /** Runs `work` alone and with the live weights in the model. */
  async aloneAndLive<R>(call: string, work: () => Promise<R>): Promise<R> {
    this.requireLive(call);
    return this.alone(call, work);
  }
}
