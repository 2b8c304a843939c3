// Notices that a model was trained on while averages were in it.
import { PolyakError, SWA } from '@polyak/core';
import type { SwapOptions } from '@polyak/core';
import type { Parameter } from '@polyak/core/interfaces';
import type { Tensor } from '@tensorflow/tfjs-core';

/** What a swap has put into a variable. */
interface Shown {
  readonly swa: SWA<Tensor>;
  readonly dataId: object;
}

const shownIn = new WeakMap<object, Shown>();

/** SWA that remembers what its swaps put into the model. */
export class WatchedSWA extends SWA<Tensor> {
  #isDisposed = false;

  override async swapSwaSgd<Batch>(options: SwapOptions<Batch> = {}): Promise<void> {
    await super.swapSwaSgd(options);
    if (!this.isSwapped) return;
    for (const { identity, get } of this.paramGroups.flatMap(({ params }) => params)) {
      shownIn.set(identity, { swa: this, dataId: get().dataId });
    }
  }

  override async dispose(): Promise<void> {
    await super.dispose();
    this.#isDisposed = true;
  }

  /** @throws PolyakError `ERR_DISPOSED` */
  requireUsable(): void {
    if (!this.#isDisposed) return;
    throw new PolyakError(
      'ERR_DISPOSED',
      'swaCallback: its averages were freed by swa.dispose(). Make a new callback.',
    );
  }
}

/**
 * The weights that were written after a swap put an average into them that is still there.
 *
 * @param parameters - of the model
 * @returns their names
 */
export function writtenSinceShown(parameters: readonly Parameter<Tensor>[]): readonly string[] {
  const written = parameters.filter(({ identity, get }) => {
    const shown = shownIn.get(identity);
    const { dataId, isDisposed } = get();
    // A variable refers to other data whenever it is assigned.
    return shown?.swa.isSwapped === true && shown.dataId !== dataId && !isDisposed;
  });
  return written.map(({ name }) => name);
}
