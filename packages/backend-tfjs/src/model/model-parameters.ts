// The parameters of a model: its weights, by names that are the same in every process.
import { PolyakError } from '@polyak/core';
import type { Parameter } from '@polyak/core/interfaces';
import type { Tensor, Variable } from '@tensorflow/tfjs-core';
import type { LayersModel, LayerVariable } from '@tensorflow/tfjs-layers';
import { isVariable } from '../tensorflow.js';
import { graphWeights, isGraphModel } from './graph-model.js';
import type { GraphModel } from './graph-model.js';
import { layersOf } from './layer-tree.js';

/**
 * The trainable weights of a layers model, those of nested models included, each once; or all float
 * weights of a graph model.
 *
 * Names are those that tfjs first gave the weights, such as `conv1/kernel`, and stay the same when
 * the model is saved and loaded, which renames its variables (`conv1/kernel_1`). Where several
 * weights share a name, the second and later ones in the order of the layers end in `#2`, `#3` and
 * so on. tfjs numbers layers without a name by a counter of the process: name your layers, or build
 * your models in the same order, so that a saved state finds its weights.
 *
 * The moving statistics of batch norm are not among them: `bnUpdate` estimates those. Nor are
 * frozen weights, which do not change once `model.compile` was called after freezing. Pass
 * `() => modelParameters(model)` where layers may be frozen or unfrozen later: the next update is
 * then refused, with their names.
 *
 * A graph model (`tf.loadGraphModel`) does not say what was trained: its parameters are all float
 * constants, the statistics of batch norm too. This makes them variables, which `tf.train` leaves
 * alone, so that weights and averages can be put into the model and taken back.
 *
 * @param model - a built model; it keeps its variables
 * @returns one parameter a weight, in the order of `model.trainableWeights`. Setting one bypasses
 * the weight's constraint. The same variables have the same parameters each time.
 * @throws TypeError where `model` is not a model of tfjs
 * @throws PolyakError `ERR_PARAMETERS` where it has no such weights, as when all layers are frozen
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
export function modelParameters(model: LayersModel | GraphModel): readonly Parameter<Tensor>[] {
  const parameters = hasGraph(model) ? graphParameters(model) : layerParameters(model);
  if (parameters.length > 0) return parameters;
  throw new PolyakError(
    'ERR_PARAMETERS',
    'modelParameters: the model has no trainable weights, so nothing would be averaged. Unfreeze ' +
      'a layer, with layer.trainable = true, and call model.compile.',
  );
}

// What JavaScript passes may be anything.
function hasGraph(model: LayersModel | GraphModel | null | undefined): model is GraphModel {
  return typeof model === 'object' && model !== null && isGraphModel(model);
}

function graphParameters(model: GraphModel): readonly Parameter<Tensor>[] {
  return [...graphWeights(model)].map(([name, variable]) => variableParameter(name, variable));
}

function layerParameters(model: LayersModel): readonly Parameter<Tensor>[] {
  requireModel('modelParameters', model);
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
    variableParameter(names.get(weight) ?? weight.originalName, weight.read() as Variable),
  );
}

/**
 * Parameters of a model that is written without layers.
 *
 * @param variables - the model's variables by name: unique, and the same in every run
 * @returns one parameter a variable
 * @throws TypeError where one is not a variable
 */
export function variableParameters(
  variables: Readonly<Record<string, Variable>>,
): readonly Parameter<Tensor>[] {
  // What JavaScript passes may be anything.
  const record = variables as typeof variables | null | undefined;
  if (typeof record !== 'object' || record === null) {
    throw new TypeError(
      `variableParameters: the variables are ${String(record)}, expected them by name. Pass ` +
        '{ weight: tf.variable(...) }.',
    );
  }
  return Object.entries(record).map(([name, variable]) => {
    // What JavaScript passes may be anything.
    const given = variable as Variable | null | undefined;
    if (typeof given === 'object' && given !== null && isVariable(given)) {
      return variableParameter(name, given);
    }
    throw new TypeError(
      `variableParameters: "${name}" is not a tf.Variable. Make it with tf.variable.`,
    );
  });
}

/**
 * Throws unless the value is a layers model.
 *
 * @param call - the function, for the message
 * @param model - the value
 * @throws TypeError
 */
export function requireModel(call: string, model: LayersModel): void {
  // What JavaScript passes may be anything.
  const given = model as Partial<LayersModel> | null | undefined;
  if (Array.isArray(given?.layers) && Array.isArray(given.trainableWeights)) return;
  throw new TypeError(
    `${call}: the model is not a tf.LayersModel. Pass one from tf.sequential, tf.model or ` +
      'tf.loadLayersModel; for variables of your own, use variableParameters.',
  );
}

const parameters = new WeakMap<Variable, Parameter<Tensor>>();

/** The parameter of a variable: the same each time, so that fresh lists compare quickly. */
export function variableParameter(name: string, variable: Variable): Parameter<Tensor> {
  const known = parameters.get(variable);
  if (known?.name === name) return known;
  const made: Parameter<Tensor> = {
    name,
    identity: variable,
    get: () => variable,
    set: (tensor) => variable.assign(tensor),
  };
  parameters.set(variable, made);
  return made;
}
