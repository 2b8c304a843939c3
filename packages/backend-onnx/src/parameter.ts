// Parameters of models whose weights are tensors of ONNX Runtime.
import { cell } from '@polyak/core/kit';
import type { Cell } from '@polyak/core/kit';
import type { Tensor } from 'onnxruntime-node';
import { isTensor } from './dtype.js';
import { hold, letGo } from './references.js';

/** A place that holds a tensor. It is its own identity: use the same cell each time. */
export type OnnxParameter = Cell<Tensor>;

/**
 * A place that holds a tensor. Setting it exchanges the handle and copies nothing: feed `get()` to
 * each run.
 *
 * A tensor that a backend made lives for as long as a cell holds it, also where its owner disposes
 * of it earlier. The owner of any other tensor has to keep it alive.
 *
 * @param name - unique within the model and stable between runs
 * @param tensor - what the model computes with now; where a backend made it, the caller's reference
 *   goes over to the cell
 * @returns the cell
 * @throws TypeError where an argument is not what it should be
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
  if (typeof name !== 'string') {
    throw new TypeError(`onnxParameter: the name is ${typeof name}, expected a string.`);
  }
  requireTensor(`onnxParameter: "${name}"`, tensor);
  return cell(name, tensor, { take: (next) => taken(name, next), drop: letGo });
}

/** The cells of a model, and their end. */
export interface ModelCells {
  readonly cells: readonly OnnxParameter[];
  /** Lets go of all tensors. The cells can still be set, but keep nothing alive from then on. */
  release(): void;
}

/**
 * Cells that let go of their tensors together.
 *
 * @param tensors - by name; the references of the caller go over to the cells
 */
export function modelCells(tensors: readonly (readonly [string, Tensor])[]): ModelCells {
  let isReleased = false;
  const cells = tensors.map(([name, tensor]) =>
    cell<Tensor>(name, tensor, {
      take: (next) => (isReleased ? next : taken(name, next)),
      drop: (old) => {
        if (!isReleased) letGo(old);
      },
    }),
  );
  return {
    cells,
    release() {
      if (isReleased) return;
      isReleased = true;
      for (const each of cells) letGo(each.get());
    },
  };
}

function taken(name: string, tensor: Tensor): Tensor {
  requireTensor(`"${name}"`, tensor);
  return hold(tensor);
}

function requireTensor(what: string, tensor: Tensor): void {
  if (isTensor(tensor)) return;
  throw new TypeError(`${what} is to hold ${typeof tensor}, expected an ort.Tensor.`);
}
