// The learning rate of a tfjs optimizer. Each class of optimizers stores it differently.
import { PolyakError } from '@polyak/core';
import type { ParamGroup, Parameter } from '@polyak/core/interfaces';
import type { Optimizer, Tensor } from '@tensorflow/tfjs-core';

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
    `The optimizer ${optimizer.getClassName()} has no learningRate, expected a number. Give it ` +
      'that property, which its next step should read.',
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

/**
 * A parameter group whose `lr` is the learning rate of an optimizer.
 *
 * @param current - gives the optimizer in use
 * @param params - gives what the group holds now
 */
export function rateGroup(
  current: () => Optimizer,
  params: () => readonly Parameter<Tensor>[],
): ParamGroup<Tensor> {
  return {
    get params() {
      return params();
    },
    get lr() {
      return learningRateOf(current());
    },
    set lr(rate) {
      setLearningRate(current(), rate);
    },
  };
}

/**
 * Throws unless the value is an optimizer of tfjs.
 *
 * @param call - the function, for the message
 * @param optimizer - what it was given
 * @throws TypeError
 */
export function requireOptimizer(call: string, optimizer: Optimizer): void {
  // What JavaScript passes may be anything.
  const given = optimizer as Partial<Optimizer> | null | undefined;
  if (typeof given?.applyGradients === 'function' && typeof given.getClassName === 'function') {
    return;
  }
  throw new TypeError(
    `${call}: the second argument is not a tfjs optimizer. Pass one such as tf.train.sgd(0.1).`,
  );
}
