// A tfjs optimizer as the base optimizer of SWA.
import type { ParameterSource, StateTree } from '@polyak/core';
import { PolyakError } from '@polyak/core';
import type { Awaitable, Optimizer } from '@polyak/core/interfaces';
import { recordOf } from '@polyak/core/interfaces';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { TensorFlow } from '../tensorflow.js';
import { requireTensorFlow } from '../tensorflow.js';
import { learningRateOf, rateGroup, requireOptimizer, setLearningRate } from './learning-rate.js';
import { isWeights, readWeights, writeWeights } from './optimizer-weights.js';

type TensorFlowOptimizer = import('@tensorflow/tfjs-core').Optimizer;

/**
 * Makes a tfjs optimizer the base optimizer of `SWA`: its learning rate is the group's `lr`, its
 * momenta and iterations are part of the state. The step itself is the closure's: `await
 * swa.step(() => optimizer.minimize(loss, true))`.
 *
 * @param tf - TensorFlow.js
 * @param optimizer - any optimizer of `tf.train`, or a function that gives the one in use
 * @param parameters - its variables, from `modelParameters` or `variableParameters`; or a function
 * that gives them, such as `() => modelParameters(model)`, which is asked at each update
 * @returns an optimizer for `SWA` with one parameter group
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
  const params = typeof parameters === 'function' ? parameters : () => parameters;
  return {
    paramGroups: [rateGroup(current, params)],
    step: <Loss>(closure?: () => Awaitable<Loss>): Awaitable<Loss | undefined> => closure?.(),
    addParamGroup() {
      throw new PolyakError(
        'ERR_UNSUPPORTED',
        'tfjsOptimizer: a tfjs optimizer has one learning rate, so one parameter group. Make it ' +
          'with all parameters, or average those that come later by an AveragedModel of their own.',
      );
    },
    async stateDict(): Promise<StateTree> {
      return {
        className: current().getClassName(),
        lr: learningRateOf(current()),
        weights: await readWeights(current()),
      };
    },
    async loadStateDict(state) {
      const { className, lr, weights } = recordOf(state);
      if (className !== current().getClassName() || typeof lr !== 'number' || !isWeights(weights)) {
        throw new PolyakError(
          'ERR_STATE',
          `tfjsOptimizer: the state does not fit the optimizer ${current().getClassName()}. Load ` +
            'one that the same kind of optimizer saved.',
        );
      }
      await writeWeights(tf, current(), weights);
      setLearningRate(current(), lr);
    },
  };
}
