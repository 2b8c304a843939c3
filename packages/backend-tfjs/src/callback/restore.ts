// Takes out of a model the averages that training has left in it.
import { ParameterSet, PolyakError } from '@polyak/core';
import type { SWA } from '@polyak/core';
import type { Parameter } from '@polyak/core/interfaces';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { tfjsBackend } from '../averaging/backend.js';
import type { TensorFlow } from '../tensorflow.js';

/**
 * The `restoreLive` of a callback.
 *
 * @param averaged - the weights that the callback averages
 */
export function restorer(
  tf: TensorFlow,
  model: LayersModel,
  swa: SWA<Tensor>,
  averaged: readonly Parameter<Tensor>[],
): () => Promise<void> {
  const weights = new ParameterSet(averaged, { backend: tfjsBackend(tf) });
  return () =>
    inTurn(model, async () => {
      if (swa.isSwapped && !swa.isRecallable) await swa.swapSwaSgd();
      else await weights.recall();
    });
}

/**
 * Refuses a model that was disposed of.
 *
 * @throws PolyakError `ERR_DISPOSED`
 */
export function requireAlive(averaged: readonly Parameter<Tensor>[]): void {
  if (averaged.some((parameter) => !parameter.get().isDisposed)) return;
  throw new PolyakError(
    'ERR_DISPOSED',
    'swaCallback: the model was disposed of. Only swa.dispose() and swa.stateDict() are left.',
  );
}

const turns = new WeakMap<LayersModel, Promise<void>>();

/** Runs `task` after those that were begun before on the same model. */
function inTurn(model: LayersModel, task: () => Promise<void>): Promise<void> {
  const turn = (turns.get(model) ?? Promise.resolve()).then(task);
  turns.set(
    model,
    turn.catch(() => undefined),
  );
  return turn;
}
