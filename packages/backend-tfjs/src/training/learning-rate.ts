// The learning rate of a tfjs optimizer, which each of them keeps in its own way.
import { PolyakError } from '@polyak/core';
import type { Optimizer } from '@tensorflow/tfjs-core';

/** The parts of tfjs's optimizers that hold the rate; its types hide both. */
interface RateHolder {
  learningRate?: unknown;
  setLearningRate?: (rate: number) => void;
}

/**
 * The learning rate that the next step of `optimizer` takes.
 *
 * @throws PolyakError `ERR_UNSUPPORTED` for an optimizer without a `learningRate`
 */
export function learningRateOf(optimizer: Optimizer): number {
  const { learningRate } = optimizer as RateHolder & Optimizer;
  if (typeof learningRate === 'number') return learningRate;
  throw new PolyakError(
    'ERR_UNSUPPORTED',
    `The optimizer ${optimizer.getClassName()} has no numeric learningRate. Give it one, or ` +
      'leave swaLr out.',
  );
}

/** Sets the learning rate of the next step of `optimizer`. */
export function setLearningRate(optimizer: Optimizer, rate: number): void {
  learningRateOf(optimizer);
  const holder = optimizer as RateHolder & Optimizer;
  // SGD and Momentum compute with a tensor made by this setter and ignore the property; the others
  // have no setter.
  if (typeof holder.setLearningRate === 'function') holder.setLearningRate(rate);
  else holder.learningRate = rate;
}
