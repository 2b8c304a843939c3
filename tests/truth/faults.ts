// Calls that fail as planned: of the backend, of places and batch norm, and of users' functions.

/** What a call throws that was made to fail. */
class Fault extends Error {
  override readonly name = 'Fault';
}

/** One call that fails, and how. */
export interface Plan {
  /** The number of calls before it, since the last that failed. */
  readonly gap: number;
  /** Whether it throws, or returns a promise that rejects. */
  readonly rejects: boolean;
  /** Whether a `set` or `write` takes what it is given before it fails. */
  readonly isLate: boolean;
}

export class Faults {
  #plans: Plan[] = [];
  #calls = 0;
  #isPaused = true;
  /** The names of the calls that have failed. */
  readonly hits: string[] = [];
  /** From this number of failures on, no call fails. */
  limit = Infinity;

  start(plans: readonly Plan[]): void {
    this.#plans = [...plans];
    this.#isPaused = false;
  }

  /** Runs `run`, in which no call fails. */
  async without<R>(run: () => Promise<R>): Promise<R> {
    const wasPaused = this.#isPaused;
    this.#isPaused = true;
    try {
      return await run();
    } finally {
      this.#isPaused = wasPaused;
    }
  }

  /**
   * Makes a call that can fail.
   *
   * @param how - whether it may do its work first and fail then, and whether it can only throw
   */
  call<R>(name: string, run: () => R, how: { halfway?: boolean; throws?: boolean } = {}): R {
    const [plan] = this.#plans;
    if (plan === undefined || this.#isPaused || this.hits.length >= this.limit) return run();
    this.#calls += 1;
    if (this.#calls <= plan.gap) return run();
    this.#calls = 0;
    this.#plans.shift();
    this.hits.push(name);
    const error = new Fault(`${name} fails`);
    const made: unknown = how.halfway === true && plan.isLate ? run() : undefined;
    if (made instanceof Promise) return made.then(() => Promise.reject(error)) as R;
    if (plan.rejects && how.throws !== true) return Promise.reject(error) as R;
    throw error;
  }
}

/** Whether a call has failed because one inside of it was made to. */
export function isFault(error: unknown): boolean {
  return error instanceof AggregateError ? error.errors.some(isFault) : error instanceof Fault;
}
