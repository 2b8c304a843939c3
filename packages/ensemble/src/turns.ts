// One call at a time on an object, and no call after it was disposed of.
import { PolyakError } from '@polyak/core';

export class Turns {
  readonly #what: string;
  #underWay: string | undefined;
  #isDisposed = false;

  /** @param what - the class, for messages */
  constructor(what: string) {
    this.#what = what;
  }

  /**
   * Runs `work` unless another call is under way.
   *
   * @throws PolyakError `ERR_BUSY`, `ERR_DISPOSED`
   */
  async alone<R>(call: string, work: () => Promise<R>): Promise<R> {
    if (this.#underWay !== undefined) {
      throw new PolyakError(
        'ERR_BUSY',
        `${call}: ${this.#underWay} has not finished. Await it first.`,
      );
    }
    if (this.#isDisposed) {
      throw new PolyakError(
        'ERR_DISPOSED',
        `${call}: this ${this.#what} was disposed of. Make a new one.`,
      );
    }
    this.#underWay = call;
    try {
      return await work();
    } finally {
      this.#underWay = undefined;
    }
  }

  /** Refuses all later calls. */
  dispose(): void {
    this.#isDisposed = true;
  }
}
