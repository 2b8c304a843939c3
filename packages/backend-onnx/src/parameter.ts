// A cell of a live model whose weights are tensors of ONNX Runtime.
import type { Parameter } from '@polyak/core';
import type { Tensor } from 'onnxruntime-node';

/** A {@link Parameter} whose `set` is done when it returns. */
export interface OnnxParameter extends Parameter<Tensor> {
  set(tensor: Tensor): void;
}

/**
 * A place that holds a tensor. Setting it exchanges the handle and copies nothing: feed `get()` to
 * each run.
 *
 * @param name - unique within the model and stable between runs
 * @param tensor - what the model computes with now
 * @returns the cell
 *
 * @example
 * ```ts
 * import * as ort from 'onnxruntime-node';
 * import { onnxParameter } from '@polyak/backend-onnx';
 *
 * const weight = onnxParameter('weight', new ort.Tensor('float32', [1, 2], [2]));
 * weight.set(new ort.Tensor('float32', [3, 4], [2]));
 * console.log([...weight.get().data]); // [3, 4]
 * ```
 */
export function onnxParameter(name: string, tensor: Tensor): OnnxParameter {
  let held = tensor;
  return {
    name,
    get: () => held,
    set: (other) => {
      held = other;
    },
  };
}
