// What becomes of the averages that training has left in a model.
import type { SWA } from '@polyak/core';
import { ParameterSet, PolyakError } from '@polyak/core';
import type { Parameter } from '@polyak/core/interfaces';
import type { Tensor, Variable } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { tfjsBackend } from '../averaging/backend.js';
import type { TensorFlow } from '../tensorflow.js';
import { quoted } from './quoted.js';
import { writtenSinceShown } from './watched-swa.js';

/** The ways to go on after training. */
export interface Endings {
  /**
   * Puts the live weights and batch-norm statistics back after training has left averages in the
   * model, by this callback or another one. Does nothing where the model holds them already.
   *
   * @throws PolyakError `ERR_SWAPPED` where the model was trained or written since, which would be
   * lost; and where another call still uses the weights in the model
   */
  restoreLive(): Promise<void>;
  /**
   * Keeps what the model holds now for good: the averages that training has left in it, with their
   * batch-norm statistics. The live weights are freed; training goes on from what was kept.
   *
   * @throws PolyakError `ERR_SWAPPED` where another call still uses the weights in the model
   */
  keepAverages(): Promise<void>;
}

/**
 * The endings of a callback.
 *
 * @param averaged - the weights that `swa` averages
 */
export function endings(
  tf: TensorFlow,
  model: LayersModel,
  swa: SWA<Tensor>,
  averaged: readonly Parameter<Tensor>[],
): Endings {
  const weights = new ParameterSet(averaged, { backend: tfjsBackend(tf) });

  async function recall(): Promise<void> {
    if (swa.isSwapped) await swa.swapSwaSgd();
    else await weights.recall();
  }

  return {
    restoreLive: () =>
      inTurn(model, async () => {
        refuseWritten(averaged);
        await recall();
      }),

    keepAverages: () =>
      inTurn(model, async () => {
        // What `read` returns is the variable itself, whatever its type says.
        const variables = model.weights.map((weight) => weight.read() as Variable);
        // References to the contents, without a copy.
        const kept = variables.map((variable) => tf.variable(variable, false));
        try {
          await recall();
          for (const [index, variable] of variables.entries()) {
            variable.assign(kept[index] as Variable);
          }
        } finally {
          tf.dispose(kept);
        }
      }),
  };
}

function refuseWritten(averaged: readonly Parameter<Tensor>[]): void {
  const written = writtenSinceShown(averaged);
  if (written.length === 0) return;
  throw new PolyakError(
    'ERR_SWAPPED',
    `swaCallback: ${quoted(written)} changed while the averages ` +
      'were in the model, such as by a fit without this callback. To put the live weights back ' +
      'would discard that. Call keepAverages() to keep what the model holds, or swa.swapSwaSgd() ' +
      'of the callback that left its averages there to discard it.',
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
