// The powers of Adam's betas. tfjs multiplies them up step by step, but computes them anew where
// its state is loaded, with other last bits: a run that went on would end elsewhere.
import type { StateTree } from '@polyak/core';
import { PolyakError } from '@polyak/core';
import type { Optimizer, Tensor, Variable } from '@tensorflow/tfjs-core';
import type { TensorFlow } from '../tensorflow.js';
import type { NamedTensor } from './optimizer-weights.js';

/** Where tfjs's Adam holds the powers; its types hide them. */
interface AdamPowers {
  readonly accBeta1: Variable;
  readonly accBeta2: Variable;
}

/** The powers as they are; none but Adam has any. */
export async function readBetaPowers(optimizer: Optimizer): Promise<readonly number[]> {
  return scalarsIn(variablesOf(optimizer));
}

/** The variables that hold the powers, by names. They stay the optimizer's. */
export function namedBetaPowers(prefix: string, optimizer: Optimizer): readonly NamedTensor[] {
  return variablesOf(optimizer).map((tensor, n) => ({ name: `${prefix}${n}`, tensor }));
}

/**
 * The powers in tensors that {@link namedBetaPowers} named, and the other weights.
 *
 * @throws PolyakError `ERR_STATE` where they are not those that the optimizer needs
 */
export async function betaPowersIn(
  prefix: string,
  optimizer: Optimizer,
  weights: readonly NamedTensor[],
): Promise<{ readonly powers: readonly number[]; readonly rest: NamedTensor[] }> {
  const named = weights.filter(({ name }) => name.startsWith(prefix));
  const powers = await scalarsIn(named.map(({ tensor }) => tensor));
  const found = powers.join();
  if (isBetaPowers(optimizer, powers)) {
    return { powers, rest: weights.filter(({ name }) => !name.startsWith(prefix)) };
  }
  throw new PolyakError(
    'ERR_STATE',
    `swaOptimizer: the saved weights have [${found}] under "${prefix}", expected the ` +
      `powers of the betas of ${optimizer.getClassName()}. Load a model that was saved with the ` +
      'same optimizer and this version, or compile the loaded model anew.',
  );
}

async function scalarsIn(tensors: readonly Tensor[]): Promise<readonly number[]> {
  const values = await Promise.all(tensors.map(async (tensor) => tensor.data()));
  return values.map(([value = Number.NaN]) => value);
}

/** Loads powers from {@link readBetaPowers}. */
export function writeBetaPowers(
  tf: TensorFlow,
  optimizer: Optimizer,
  powers: readonly number[],
): void {
  tf.tidy(() => {
    variablesOf(optimizer).forEach((power, index) => power.assign(tf.scalar(powers[index] ?? 0)));
  });
}

/** Whether a node of a state has the powers that the optimizer needs. */
export function isBetaPowers(
  optimizer: Optimizer,
  node: StateTree | undefined,
): node is readonly number[] {
  const { length } = variablesOf(optimizer);
  return (
    Array.isArray(node) &&
    node.length === length &&
    node.every((value) => typeof value === 'number' && value >= 0 && value <= 1)
  );
}

function variablesOf(optimizer: Optimizer): readonly Variable[] {
  if (optimizer.getClassName() !== 'Adam') return [];
  const { accBeta1, accBeta2 } = optimizer as unknown as AdamPowers;
  return [accBeta1, accBeta2];
}
