// The inner state of a tfjs optimizer (iterations, momenta), as host tensors.
import type { StateTree } from '@polyak/core';
import { PolyakError } from '@polyak/core';
import type { HostTensor } from '@polyak/core/interfaces';
import { elementCount } from '@polyak/core/interfaces';
import type { DataType, Optimizer, TypedArray } from '@tensorflow/tfjs-core';
import type { TensorFlow } from '../tensorflow.js';
import { isVariable } from '../tensorflow.js';

/**
 * A tensor with its name, as tfjs's optimizers give and take them; tfjs does not export the type.
 */
export type NamedTensor = Awaited<ReturnType<Optimizer['getWeights']>>[number];

/** One tensor of an optimizer's state. */
export type OptimizerWeight = { readonly name: string; readonly tensor: HostTensor };

/**
 * Copies of the tensors that `optimizer` keeps between steps.
 *
 * @throws PolyakError `ERR_UNSUPPORTED` for Adamax, which tfjs cannot save
 */
export async function readWeights(optimizer: Optimizer): Promise<readonly OptimizerWeight[]> {
  const weights = await getWeights(optimizer);
  try {
    return await Promise.all(
      weights.map(async ({ name, tensor }) => ({
        name,
        tensor: {
          dtype: tensor.dtype as 'float32' | 'int32' | 'bool',
          shape: [...tensor.shape],
          data: (await tensor.data()).slice(),
        },
      })),
    );
  } finally {
    // `getWeights` makes a tensor for the iterations and leaves it to the caller; the variables
    // stay the optimizer's.
    for (const { tensor } of weights) if (!isVariable(tensor)) tensor.dispose();
  }
}

/** Loads `weights` from {@link readWeights} into `optimizer`. */
export async function writeWeights(
  tf: TensorFlow,
  optimizer: Optimizer,
  weights: readonly OptimizerWeight[],
): Promise<void> {
  const replaced = await getWeights(optimizer);
  checkFit(optimizer, weights, replaced);
  const tensors = weights.map(({ name, tensor: { data, shape, dtype } }) => ({
    name,
    tensor: tf.tensor((data as TypedArray).slice(), [...shape], dtype as DataType),
  }));
  try {
    await optimizer.setWeights(tensors);
  } finally {
    for (const { tensor } of tensors) tensor.dispose();
  }
  for (const { tensor } of replaced) tensor.dispose();
}

/**
 * Throws where the optimizer would fail on a state later. Before its first step it has little to
 * compare.
 */
function checkFit(
  optimizer: Optimizer,
  weights: readonly OptimizerWeight[],
  replaced: readonly NamedTensor[],
): void {
  const unfit = weights.find(({ tensor }, index) => {
    const held = replaced[index]?.tensor;
    const isAlike = held === undefined || String(held.shape) === String(tensor.shape);
    return !isAlike || tensor.data.length !== elementCount(tensor.shape);
  });
  // A state from before the first step has the iterations only.
  const isWhole = weights.length === 1 || weights.length >= replaced.length;
  if (isWhole && unfit === undefined) return;
  for (const { tensor } of replaced) if (!isVariable(tensor)) tensor.dispose();
  throw new PolyakError(
    'ERR_STATE',
    `loadStateDict: the state of the optimizer has ${weights.length} tensors, expected the ` +
      `${replaced.length} of ${optimizer.getClassName()}` +
      (unfit === undefined ? '' : `; "${unfit.name}" has another shape`) +
      '. Load the state of the same model and optimizer.',
  );
}

/** Whether a node of a state is a list that {@link readWeights} gave. */
export function isWeights(node: StateTree | undefined): node is readonly OptimizerWeight[] {
  return (
    Array.isArray(node) &&
    node.every(({ name, tensor }) => typeof name === 'string' && ArrayBuffer.isView(tensor?.data))
  );
}

/**
 * What `optimizer.getWeights()` gives.
 *
 * @throws PolyakError `ERR_UNSUPPORTED` for Adamax, where tfjs throws
 */
export async function getWeights(optimizer: Optimizer): Promise<readonly NamedTensor[]> {
  if (optimizer.getClassName() === 'Adamax') {
    throw new PolyakError(
      'ERR_UNSUPPORTED',
      'stateDict: tfjs cannot save the state of its Adamax optimizer. Use another, such as Adam.',
    );
  }
  return optimizer.getWeights();
}
