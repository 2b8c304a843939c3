// SWA that notices where a model was trained on while averages were in it: whoever then takes them
// out would discard that training.
import { PolyakError, SWA } from '@polyak/core';
import type { SWAOptions, SwapOptions } from '@polyak/core';
import type { Backend, Optimizer, Parameter, PlaceIdentity } from '@polyak/core/interfaces';
import type { Tensor } from '@tensorflow/tfjs-core';
import { quoted } from './quoted.js';

/** The data that swaps have put into variables and left there. */
const shown = new WeakMap<PlaceIdentity, object>();

/**
 * SWA whose averages are not taken out of a model that was written since, but by `swapSwaSgd`
 * itself.
 */
export class WatchedSWA extends SWA<Tensor> {
  /** What the last swap reached. */
  readonly #reached: Reached;
  #isDisposed = false;

  constructor(optimizer: Optimizer<Tensor>, options: SWAOptions<Tensor>) {
    const reached: Reached = { parameters: [] };
    super(optimizer, { ...options, backend: watched(options.backend, reached) });
    this.#reached = reached;
  }

  override async swapSwaSgd<Batch>(options: SwapOptions<Batch> = {}): Promise<void> {
    // Without the name of an average it takes back what is shown, whatever was written into it.
    const before = options.average === undefined ? forget(identitiesOf(this.#reached)) : [];
    try {
      await super.swapSwaSgd(options);
    } catch (error) {
      for (const [identity, dataId] of before) shown.set(identity, dataId);
      throw error;
    }
    if (!this.isSwapped) return;
    for (const { identity, get } of this.#reached.parameters) shown.set(identity, get().dataId);
  }

  /**
   * Takes the average out of the model.
   *
   * @throws PolyakError `ERR_SWAPPED` where the model was written since
   */
  takeBack(): Promise<void> {
    return super.swapSwaSgd();
  }

  override async dispose(...options: Parameters<SWA<Tensor>['dispose']>): Promise<void> {
    await super.dispose(...options);
    forget(identitiesOf(this.#reached));
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

/** Lets what was written into these variables be discarded; returns what was shown in them. */
function forget(
  identities: readonly PlaceIdentity[],
): readonly (readonly [PlaceIdentity, object])[] {
  return identities.flatMap((identity) => {
    const dataId = shown.get(identity);
    shown.delete(identity);
    return dataId === undefined ? [] : [[identity, dataId] as const];
  });
}

function identitiesOf({ parameters }: Reached): readonly PlaceIdentity[] {
  return parameters.map(({ identity }) => identity);
}

interface Reached {
  parameters: readonly Parameter<Tensor>[];
}

/** Averages are put in and taken out by `swap` of this backend, whoever asks for it. */
function watched(backend: Backend<Tensor>, reached: Reached): Backend<Tensor> {
  return {
    ...backend,
    swap(parameters, tensors) {
      refuseWritten(parameters);
      reached.parameters = parameters;
      const held = backend.swap(parameters, tensors);
      forget(identitiesOf(reached));
      return held;
    },
  };
}

function refuseWritten(parameters: readonly Parameter<Tensor>[]): void {
  const written = parameters.filter(({ identity, get }) => {
    const before = shown.get(identity);
    const { dataId, isDisposed } = get();
    // A variable refers to other data whenever it is assigned.
    return before !== undefined && before !== dataId && !isDisposed;
  });
  if (written.length === 0) return;
  throw new PolyakError(
    'ERR_SWAPPED',
    `swaCallback: ${quoted(written.map(({ name }) => name))} changed while the averages were in ` +
      'the model, such as by a fit without this callback. To put the live weights back would ' +
      'discard that. On the callback that left its averages there, call ' +
      "swa.dispose({ keep: 'averages' }) to keep what the model holds, or swa.swapSwaSgd() to " +
      'discard it.',
  );
}
