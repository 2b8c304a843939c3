// Parameters of models whose weights are tensors of ONNX Runtime.
import { cell } from '@polyak/core/kit';
import type { Cell } from '@polyak/core/kit';
import type { Tensor } from 'onnxruntime-node';
import { foundText } from './arguments.js';
import { isTensor } from './dtype.js';
import { hold, letGo } from './references.js';

/** A cell that holds a tensor. It is its own identity, so use the same cell everywhere. */
export type OnnxParameter = Cell<Tensor>;

/**
 * Makes a cell that holds a tensor. `set` exchanges the handle and copies nothing; feed `get()` to
 * each run.
 *
 * A tensor that a backend made stays alive while a cell holds it, even if its owner disposes of it.
 * You keep any other tensor alive yourself.
 *
 * @param name - unique within the model and stable between runs
 * @param tensor - the value now; the cell takes over your reference to a tensor of a backend
 * @returns the cell
 * @throws TypeError where the name is not a string or the tensor not an `ort.Tensor`
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
    throw new TypeError(`onnxParameter: the name is ${foundText(name)}, expected a string.`);
  }
  requireTensor(`onnxParameter: "${name}"`, tensor);
  return cell(name, tensor, { take: (next) => taken(name, next), drop: letGo });
}

/** The cells of a model. */
export interface ModelCells {
  readonly cells: readonly OnnxParameter[];
  /** Gives all tensors back. Afterwards the cells can be set, but keep nothing alive. */
  release(): void;
}

/**
 * Makes cells that give their tensors back together.
 *
 * @param tensors - by name; the cells take over the caller's references
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
  throw new TypeError(`${what}: the tensor is ${foundText(tensor)}, expected an ort.Tensor.`);
}
