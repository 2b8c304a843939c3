// What averaging costs, as a share of the training steps.

/**
 * Sums the milliseconds of training steps and of updates of the averages. Right on wasm: on a GPU,
 * a step returns before it is computed.
 */
export class Timing {
  #steps = 0;
  #stepTime = 0;
  #updateTime = 0;

  /** Measures a training step. */
  step<R>(make: () => R): R {
    const start = performance.now();
    const result = make();
    this.#stepTime += performance.now() - start;
    this.#steps += 1;
    return result;
  }

  /** Measures an update. */
  async update(make: () => Promise<void>): Promise<void> {
    const start = performance.now();
    await make();
    this.#updateTime += performance.now() - start;
  }

  /** Means of one step, in milliseconds. */
  get perStep(): { readonly step: number; readonly update: number } {
    return { step: this.#stepTime / this.#steps, update: this.#updateTime / this.#steps };
  }
}
