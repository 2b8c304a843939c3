// Calls that can fail: counted in one run of an operation, and one of them failing in another.

/** What a call throws that was made to fail. */
export class Fault extends Error {
  override readonly name = 'Fault';
}

/** Which call fails, and how. */
export interface Plan {
  /** Its place among the calls of the operation. */
  readonly place: number;
  /** Whether it throws, or returns a promise that rejects. */
  readonly rejects: boolean;
  /** Whether a `set` or `write` takes what it is given before it fails. */
  readonly isLate: boolean;
}

export class Faults {
  #plan: Plan | undefined;
  #isCounting = false;
  /** The calls of the operation. */
  calls = 0;
  /** The call that has failed. */
  hit: string | undefined;

  /** Counts from here on; where there is a plan, the call at its place fails. */
  start(plan?: Plan): void {
    this.#plan = plan;
    this.#isCounting = true;
    this.calls = 0;
    this.hit = undefined;
  }

  stop(): void {
    this.#isCounting = false;
  }

  /**
   * Makes a call that can fail.
   *
   * @param how - whether it may do its work first and fail then, and whether it can only throw
   */
  call<R>(name: string, run: () => R, how: { halfway?: boolean; throws?: boolean } = {}): R {
    if (!this.#isCounting) return run();
    const place = this.calls;
    this.calls += 1;
    if (this.#plan?.place !== place) return run();
    this.hit = name;
    const error = new Fault(`${name} fails`);
    const made: unknown = how.halfway === true && this.#plan.isLate ? run() : undefined;
    if (made instanceof Promise) return made.then(() => Promise.reject(error)) as R;
    if (this.#plan.rejects && how.throws !== true) return Promise.reject(error) as R;
    throw error;
  }
}
