// A tfjs optimizer as the base optimizer of SWA.
import type { ParameterSource, StateTree } from '@polyak/core';
import { PolyakError } from '@polyak/core';
import type {
  Awaitable,
  Optimizer,
  Parameter,
  ParamGroup,
  PlaceIdentity,
} from '@polyak/core/interfaces';
import { recordOf } from '@polyak/core/interfaces';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { TensorFlow } from '../tensorflow.js';
import { requireTensorFlow } from '../tensorflow.js';
import { learningRateOf, rateGroup, requireOptimizer, setLearningRate } from './learning-rate.js';
import { isBetaPowers, readBetaPowers, writeBetaPowers } from './beta-powers.js';
import { isWeights, readWeights, writeWeights } from './optimizer-weights.js';

type TensorFlowOptimizer = import('@tensorflow/tfjs-core').Optimizer;

/**
 * Makes a tfjs optimizer the base optimizer of `SWA`: its learning rate is the group's `lr`, its
 * momenta and iterations are part of the state. The step itself is the closure's: `await
 * swa.step(() => optimizer.minimize(loss, true))`.
 *
 * Weights that join later, such as those of a layer that was unfrozen, are a group with counters of
 * its own: `swa.addParamGroup({ params, lr: swa.paramGroups[0].lr })`. A tfjs optimizer has one
 * learning rate, so all groups have it. It finds its momenta by the position of a variable: make a
 * new one, as `model.compile` does, where variables come or go.
 *
 * @param tf - TensorFlow.js
 * @param optimizer - any optimizer of `tf.train`, or a function that gives the one in use
 * @param parameters - its variables, from `modelParameters` or `variableParameters`; or a function
 * that gives them, such as `() => modelParameters(model)`, which is asked at each update
 * @returns an optimizer for `SWA`. Its first parameter group has what `parameters` gives without
 * those that joined later
 * @throws TypeError where an argument is not what it should be
 * @throws PolyakError `ERR_UNSUPPORTED`, later: for `stateDict` with Adamax, which tfjs cannot save
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { SWA } from '@polyak/core';
 * import { tfjsBackend, tfjsOptimizer, variableParameters } from '@polyak/backend-tfjs';
 *
 * await tf.setBackend('cpu');
 * const weight = tf.variable(tf.scalar(0));
 * const optimizer = tf.train.momentum(0.1, 0.9);
 * const swa = new SWA(tfjsOptimizer(tf, optimizer, variableParameters({ weight })), {
 *   backend: tfjsBackend(tf),
 *   swaStart: 10,
 *   swaFreq: 1,
 *   swaLr: 0.05,
 * });
 * for (let step = 0; step < 50; step += 1) {
 *   await swa.step(() => optimizer.minimize(() => tf.squaredDifference(weight, 3)));
 * }
 * await swa.swapSwaSgd();
 * console.log(Math.abs((await weight.data())[0] - 3) < 0.5); // true
 * ```
 */
export function tfjsOptimizer(
  tf: TensorFlow,
  optimizer: TensorFlowOptimizer | (() => TensorFlowOptimizer),
  parameters: ParameterSource<Tensor>,
): Optimizer<Tensor> {
  requireTensorFlow('tfjsOptimizer', tf);
  const current =
    typeof optimizer === 'function' ? optimizer : (): TensorFlowOptimizer => optimizer;
  if (typeof optimizer !== 'function') requireOptimizer('tfjsOptimizer', optimizer);
  const paramGroups: ParamGroup<Tensor>[] = [
    rateGroup(
      current,
      firstGroup(parameters, () => paramGroups.slice(1)),
    ),
  ];
  return {
    paramGroups,
    step: <Loss>(closure?: () => Awaitable<Loss>): Awaitable<Loss | undefined> => closure?.(),
    addParamGroup(group) {
      const rate = learningRateOf(current());
      if (group.lr !== rate) {
        throw new PolyakError(
          'ERR_UNSUPPORTED',
          `addParamGroup: the group's lr is ${group.lr}, expected ${rate}, the learning rate of ` +
            'the tfjs optimizer, which has one for all groups. Pass lr: swa.paramGroups[0].lr.',
        );
      }
      paramGroups.push(rateGroup(current, () => group.params));
    },
    async stateDict(): Promise<StateTree> {
      return {
        className: current().getClassName(),
        lr: learningRateOf(current()),
        weights: await readWeights(current()),
        betaPowers: await readBetaPowers(current()),
      };
    },
    async loadStateDict(state) {
      const { className, lr, weights, betaPowers } = recordOf(state);
      if (
        className !== current().getClassName() ||
        typeof lr !== 'number' ||
        !isWeights(weights) ||
        !isBetaPowers(current(), betaPowers)
      ) {
        throw new PolyakError(
          'ERR_STATE',
          `loadStateDict: the state of the optimizer is that of ${nameOf(className)}, expected ` +
            `{ className, lr, weights, betaPowers } of ${current().getClassName()}. Load one ` +
            'that the same kind of optimizer saved.',
        );
      }
      await writeWeights(tf, current(), weights);
      writeBetaPowers(tf, current(), betaPowers);
      setLearningRate(current(), lr);
    },
  };
}

function nameOf(className: StateTree | undefined): string {
  return typeof className === 'string' ? className : 'no tfjs optimizer';
}

/**
 * What the first group holds now: the weights that the source gives, without those that joined in
 * `later` groups.
 */
function firstGroup(
  source: ParameterSource<Tensor>,
  later: () => readonly ParamGroup<Tensor>[],
): () => readonly Parameter<Tensor>[] {
  if (typeof source !== 'function') return () => source;
  // It keeps what it held at first, also where a later group names some of that again.
  let first: ReadonlySet<PlaceIdentity> | undefined;
  return () => {
    const parameters = source();
    // What a user's function returns may be anything; core refuses what is not a list.
    if (!Array.isArray(parameters)) return parameters;
    const own = (first ??= identitiesOf(parameters));
    const joined = identitiesOf(later().flatMap(({ params }) => params));
    return parameters.filter(({ identity }) => own.has(identity) || !joined.has(identity));
  };
}

function identitiesOf(parameters: readonly Parameter<Tensor>[]): ReadonlySet<PlaceIdentity> {
  return new Set(parameters.map(({ identity }) => identity));
}
