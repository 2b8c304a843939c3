// Exchanges what a model's parameters hold with other tensors, all or nothing.
import type { Awaitable, Parameter } from '@polyak/core';
import type { Tensor, Variable } from '@tensorflow/tfjs-core';
import type { TensorFlow } from '../tensorflow.js';
import { isVariable } from '../tensorflow.js';

interface Cell {
  readonly parameter: Parameter<Tensor>;
  readonly held: Tensor;
  readonly tensor: Tensor;
}

/**
 * Exchanges by reference count, without a copy: a parameter's variable keeps its identity, and so
 * does a variable among `tensors`. A parameter that is no variable is given the tensor through its
 * `set`.
 *
 * @param tf - the runtime
 * @param parameters - the model's cells
 * @param tensors - as many, of the same specs
 * @returns what the parameters held
 */
export function swap(
  tf: TensorFlow,
  parameters: readonly Parameter<Tensor>[],
  tensors: readonly Tensor[],
): Awaitable<readonly Tensor[]> {
  const cells = parameters.map((parameter, index) => ({
    parameter,
    held: parameter.get(),
    tensor: tensors[index] as Tensor,
  }));
  // An exchange of variables cannot fail, so it comes last.
  const exchangeAll = (): readonly Tensor[] =>
    cells.map(({ held, tensor }) => (isVariable(held) ? exchange(tf, held, tensor) : held));
  const others = cells.filter(({ held }) => !isVariable(held));
  return others.length === 0 ? exchangeAll() : setAll(others).then(exchangeAll);
}

/**
 * Gives `live` the contents of `tensor`, and returns a variable with what it held: `tensor` itself
 * if it is one.
 */
function exchange(tf: TensorFlow, live: Variable, tensor: Tensor): Variable {
  const contents = tf.variable(live, false);
  live.assign(tensor);
  if (isVariable(tensor)) {
    tensor.assign(contents);
    contents.dispose();
    return tensor;
  }
  tensor.dispose();
  return contents;
}

/** Sets all, or puts back those that were set. */
async function setAll(cells: readonly Cell[]): Promise<void> {
  const begun: Cell[] = [];
  try {
    for (const cell of cells) {
      begun.push(cell);
      await cell.parameter.set(cell.tensor);
    }
  } catch (error) {
    await Promise.allSettled(begun.map(async ({ parameter, held }) => parameter.set(held)));
    throw error;
  }
}
