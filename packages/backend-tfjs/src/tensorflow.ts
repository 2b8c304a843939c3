// The types of TensorFlow.js. The runtime itself is always an argument.
import type { Tensor, Variable } from '@tensorflow/tfjs-core';

/**
 * TensorFlow.js, as `import * as tf` of `@tensorflow/tfjs`, `tfjs-core`, `tfjs-node` or
 * `tfjs-node-gpu` gives it.
 */
export type TensorFlow = typeof import('@tensorflow/tfjs-core');

/** TensorFlow.js with its layers, as all but `tfjs-core` export it. */
export type TensorFlowWithLayers = TensorFlow & typeof import('@tensorflow/tfjs-layers');

/** Whether a tensor is a variable: a handle whose contents can be exchanged. */
export function isVariable(tensor: Tensor): tensor is Variable {
  // tfjs itself tells them apart like this; `instanceof` fails where two copies of tfjs-core are
  // installed.
  return 'assign' in tensor && typeof tensor.assign === 'function';
}

/**
 * Throws unless the value is TensorFlow.js.
 *
 * @param call - the function, for the message
 * @param tf - what it was given
 * @throws TypeError
 */
export function requireTensorFlow(call: string, tf: TensorFlow): void {
  // What JavaScript passes may be anything.
  const given = tf as Partial<TensorFlow> | null | undefined;
  if (typeof given?.getBackend === 'function' && typeof given.tidy === 'function') return;
  throw new TypeError(
    `${call}: the first argument is not TensorFlow.js. Pass the tf of ` +
      "import * as tf from '@tensorflow/tfjs'.",
  );
}
