// The powers of Adam's betas. tfjs multiplies them up step by step, but computes them anew where
// its state is loaded, with other last bits: a run that went on would end elsewhere.
import type { StateTree } from '@polyak/core';
import type { Optimizer, Variable } from '@tensorflow/tfjs-core';
import type { TensorFlow } from '../tensorflow.js';
import { isVariable } from '../tensorflow.js';

/** The powers as they are; none but Adam has any. */
export async function readBetaPowers(optimizer: Optimizer): Promise<readonly number[]> {
  const powers = await Promise.all(variablesOf(optimizer).map(async (power) => power.data()));
  return powers.map(([value = Number.NaN]) => value);
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
  const { accBeta1, accBeta2 } = optimizer as unknown as Readonly<Record<string, Variable>>;
  return [accBeta1, accBeta2].filter((power) => power !== undefined && isVariable(power));
}
