// The weights of a converted model (tf.GraphModel) as variables, whose contents can be exchanged.
import type { Tensor, Variable } from '@tensorflow/tfjs-core';
import { isVariable } from '../tensorflow.js';

/** A `tf.GraphModel`, from `tf.loadGraphModel`: its weights are constants of the graph. */
export interface GraphModel {
  /** The weights by the names of their nodes. */
  readonly weights: Readonly<Record<string, readonly Tensor[]>>;
}

/** The part of a graph model that its type hides. Assigning the map replaces the weights. */
interface Executor {
  weightMap: GraphModel['weights'];
}

/** Whether a model is a `tf.GraphModel`. */
export function isGraphModel(model: object): model is GraphModel {
  const { executor } = model as { readonly executor?: Partial<Executor> | null };
  return typeof executor?.weightMap === 'object';
}

/**
 * The float weights of a graph model by name, as the variables that this replaces them with. They
 * are freed with the model.
 */
export function graphWeights(model: GraphModel): ReadonlyMap<string, Variable> {
  const { executor } = model as unknown as { readonly executor: Executor };
  const found = new Map<string, Variable>();
  const entries = Object.entries(executor.weightMap).map(([name, tensors]) => {
    const replaced = tensors.map((tensor, index) => {
      if (tensor.dtype !== 'float32') return tensor;
      const variable = variableOf(tensor);
      found.set(index === 0 ? name : `${name}#${index + 1}`, variable);
      return variable;
    });
    return [name, replaced] as const;
  });
  executor.weightMap = Object.fromEntries(entries);
  return found;
}

function variableOf(tensor: Tensor): Variable {
  if (isVariable(tensor)) return tensor;
  // It refers to the same contents, which are not copied.
  const variable = tensor.variable(false);
  tensor.dispose();
  return variable;
}
