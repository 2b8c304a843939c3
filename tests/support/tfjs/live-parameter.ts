// Cells of a live model, for the conformance suite and the backend's own tests.
import type { HostTensor, Parameter } from '@polyak/core/interfaces';
import * as tf from '@tensorflow/tfjs-core';

/** A variable that holds a copy of `tensor`. */
export function variableOf({ data, shape, dtype }: HostTensor): tf.Variable {
  return tf.tidy(() =>
    tf.variable(tf.tensor(data.slice() as tf.TypedArray, [...shape], dtype as tf.DataType)),
  );
}

/** A parameter over a variable that holds a copy of `tensor`. */
export function liveParameter(name: string, tensor: HostTensor): Parameter<tf.Tensor> {
  const variable = variableOf(tensor);
  return {
    name,
    identity: variable,
    get: () => variable,
    set: (contents) => variable.assign(contents),
  };
}
