// What weight averaging averages: the trainable variables of a model, by names that outlast the
// process.
import type { Parameter } from '@polyak/core';
import type { Tensor, Variable } from '@tensorflow/tfjs-core';
import type { LayersModel, LayerVariable } from '@tensorflow/tfjs-layers';
import { layersOf } from './layer-tree.js';

/**
 * The trainable weights of a layers model, those of nested models included, each once.
 *
 * Names are those that tfjs first gave the weights, such as `conv1/kernel`, and stay the same when
 * the model is saved and loaded, which renames its variables (`conv1/kernel_1`). Where several
 * weights share a name, the second and later ones in the order of the layers end in `#2`, `#3` and
 * so on. tfjs numbers layers without a name by a counter of the process: name your layers, or build
 * your models in the same order, so that a saved state finds its weights.
 *
 * The moving statistics of batch norm are not among them: `bnUpdate` estimates those. Nor are
 * frozen weights, whose average would be themselves.
 *
 * @param model - a built model; it keeps its variables
 * @returns one parameter a weight, in the order of `model.trainableWeights`. Setting one bypasses
 * the weight's constraint.
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { modelParameters } from '@polyak/backend-tfjs';
 *
 * const head = tf.layers.dense({ name: 'head', units: 3, inputShape: [2] });
 * const model = tf.sequential({ layers: [head] });
 * console.log(modelParameters(model).map(({ name }) => name)); // ['head/kernel', 'head/bias']
 * ```
 */
export function modelParameters(model: LayersModel): readonly Parameter<Tensor>[] {
  // Numbered over all weights in the order of the layers, so that freezing a layer renames nothing.
  const names = new Map<LayerVariable, string>();
  const seen = new Map<string, number>();
  for (const weight of new Set(layersOf(model).flatMap(({ layer }) => layer.weights))) {
    const count = (seen.get(weight.originalName) ?? 0) + 1;
    seen.set(weight.originalName, count);
    names.set(weight, count === 1 ? weight.originalName : `${weight.originalName}#${count}`);
  }
  return [...new Set(model.trainableWeights)].map((weight) =>
    // What `read` returns is the variable itself, whatever its type says.
    variableParameter(names.get(weight) ?? weight.originalName, () => weight.read() as Variable),
  );
}

/**
 * Parameters of a model that is written without layers.
 *
 * @param variables - the model's variables by name: unique, and the same in every run
 * @returns one parameter a variable
 */
export function variableParameters(
  variables: Readonly<Record<string, Variable>>,
): readonly Parameter<Tensor>[] {
  return Object.entries(variables).map(([name, variable]) =>
    variableParameter(name, () => variable),
  );
}

function variableParameter(name: string, get: () => Variable): Parameter<Tensor> {
  return { name, get, set: (tensor) => get().assign(tensor) };
}
