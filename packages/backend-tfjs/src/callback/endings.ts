// What becomes of the averages that training has left in a model.
import { ParameterSet, PolyakError } from '@polyak/core';
import type { Parameter } from '@polyak/core/interfaces';
import type { Tensor, Variable } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { tfjsBackend } from '../averaging/backend.js';
import type { TensorFlow } from '../tensorflow.js';
import type { SwaCallback } from './options.js';
import { discarding } from './watched-swa.js';
import type { WatchedSWA } from './watched-swa.js';

/**
 * The endings of a callback.
 *
 * @param averaged - the weights that `swa` averages
 */
export function endings(
  tf: TensorFlow,
  model: LayersModel,
  swa: WatchedSWA,
  averaged: readonly Parameter<Tensor>[],
): Pick<SwaCallback, 'restoreLive' | 'keepAverages'> {
  const weights = new ParameterSet(averaged, { backend: tfjsBackend(tf) });

  async function recall(): Promise<void> {
    if (swa.isSwapped) await swa.takeBack();
    else await weights.recall();
  }

  return {
    restoreLive: () => inTurn(model, recall),

    keepAverages: () =>
      inTurn(model, async () => {
        requireAlive(averaged);
        // What `read` returns is the variable itself, whatever its type says.
        const variables = model.weights.map((weight) => weight.read() as Variable);
        // References to the contents, without a copy.
        const kept = variables.map((variable) => tf.variable(variable, false));
        try {
          await discarding(variables, recall);
          for (const [index, variable] of variables.entries()) {
            variable.assign(kept[index] as Variable);
          }
        } finally {
          tf.dispose(kept);
        }
      }),
  };
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
