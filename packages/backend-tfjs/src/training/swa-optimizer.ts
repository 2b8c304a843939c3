// SWA as a tf.Optimizer: for model.compile and for training loops without await.
import { PolyakError } from '@polyak/core';
import { requireOptions } from '@polyak/core/kit';
import type {
  NamedTensorMap,
  Optimizer,
  serialization,
  Tensor,
  Variable,
} from '@tensorflow/tfjs-core';
import { tfjsBackend } from '../averaging/backend.js';
import type { TensorFlow } from '../tensorflow.js';
import { requireTensorFlow } from '../tensorflow.js';
import { betaPowersIn, namedBetaPowers, writeBetaPowers } from './beta-powers.js';
import { learningRateOf, requireOptimizer, setLearningRate } from './learning-rate.js';
import { getWeights } from './optimizer-weights.js';
import type { NamedTensor } from './optimizer-weights.js';
import { requireRules, ruleNames } from './saved-averages.js';
import type { SavedRule } from './saved-averages.js';
import { OPTION_NAMES, UNSAVED_NAMES } from './swa-optimizer-options.js';
import type {
  LoadedSwaOptimizerOptions,
  SwaOptimizerOptions,
  SwaOptimizerSwapOptions,
} from './swa-optimizer-options.js';
import { TrainedAverages } from './trained-averages.js';

/** A `tf.Optimizer` that keeps the running averages of what it trains. See {@link swaOptimizer}. */
export interface SwaOptimizer extends Optimizer {
  /** The optimizer that takes the steps. */
  readonly base: Optimizer;
  /**
   * The learning rate of the next step. From `swaStart` on, `swaLr` replaces it where that is
   * given.
   */
  learningRate: number;
  /** Sets it. */
  setLearningRate(rate: number): void;
  /** The updates of the averages so far; of the oldest, where variables joined later. */
  readonly nAvg: number;
  /** The steps so far. */
  readonly stepCounter: number;
  /** Whether the model holds averages now. */
  readonly isSwapped: boolean;
  /**
   * Puts an average into the model, and with the second call the live weights back, by reference
   * and bit for bit. What is written into the model meanwhile is dropped.
   *
   * @param options - see {@link SwaOptimizerSwapOptions}
   * @throws PolyakError `ERR_NO_AVERAGES` before the first update
   * @throws PolyakError `ERR_PARAMETERS` where the parameters are not those that are averaged, or
   *   are not known yet after a load
   * @throws PolyakError `ERR_SWAPPED` where another object's weights are in the model
   * @throws RangeError where there is no average of that name
   */
  swapSwaSgd(options?: SwaOptimizerSwapOptions): void;
}

/** The name under which tfjs saves and loads the optimizer. */
const CLASS_NAME = 'PolyakSWA';
const COUNTERS = `${CLASS_NAME}/counters`;
const BETA_POWERS = `${CLASS_NAME}/betaPowers/`;

/**
 * Wraps a tfjs optimizer so that it averages the weights it visits, in torchcontrib's automatic
 * mode: the learning rate is `swaLr` once `swaStart` steps are done, and
 * `average += (weights - average) / (nAvg + 1)` after each later step that is a multiple of
 * `swaFreq`.
 *
 * It is `SWA` for callers that cannot wait, with its options, and goes into `model.compile`. It
 * learns its variables from the gradients. All variables that it has seen are averaged in each
 * update, whether or not they had a gradient in that step. One that comes later joins: it is
 * averaged from the next update on, at the steps of all others, and its average is that of the
 * values since.
 *
 * `model.save(…, { includeOptimizer: true })` saves averages and counters with it, so that a loaded
 * model goes on where it stopped: call {@link registerSwaOptimizer} before loading. Everything is
 * synchronous, the check for NaN too, which webgpu cannot do: use `SWA` or `swaCallback` there.
 *
 * @param tf - TensorFlow.js, its backend set
 * @param base - any optimizer of `tf.train`; tfjs cannot save Adamax
 * @param options - see {@link SwaOptimizerOptions}; `swaStart` and `swaFreq` count steps
 * @returns the optimizer; `dispose` frees the averages and the base optimizer
 * @throws RangeError, TypeError for options that do not exist or are out of range, or without
 * `swaStart` and `swaFreq`
 * @throws PolyakError `ERR_UNSUPPORTED` on webgpu
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { swaOptimizer } from '@polyak/backend-tfjs';
 *
 * await tf.setBackend('cpu');
 * const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });
 * const optimizer = swaOptimizer(tf, tf.train.sgd(0.1), { swaStart: 5, swaFreq: 1, swaLr: 0.05 });
 * model.compile({ optimizer, loss: 'meanSquaredError' });
 * await model.fit(tf.ones([8, 2]), tf.ones([8, 1]), { batchSize: 8, epochs: 10, verbose: 0 });
 * optimizer.swapSwaSgd();
 * console.log(optimizer.nAvg); // 5
 * ```
 *
 * @see torchcontrib.optim.SWA
 */
export function swaOptimizer(
  tf: TensorFlow,
  base: Optimizer,
  options: SwaOptimizerOptions,
): SwaOptimizer {
  requireTensorFlow('swaOptimizer', tf);
  requireOptimizer('swaOptimizer', base);
  return new (swaOptimizerClass(tf, {}))(base, options);
}

/**
 * Lets `tf.loadLayersModel` read models that were saved with a {@link swaOptimizer}: call it before
 * loading. It holds for the whole process, until it is called again.
 *
 * @param tf - TensorFlow.js
 * @param options - the rule or the averages that the optimizers were made with, where they were
 *   given any: functions cannot be saved
 */
export function registerSwaOptimizer(
  tf: TensorFlow,
  options: LoadedSwaOptimizerOptions = {},
): void {
  requireTensorFlow('registerSwaOptimizer', tf);
  const unsaved = requireOptions('registerSwaOptimizer', options, UNSAVED_NAMES);
  tf.serialization.registerClass(swaOptimizerClass(tf, unsaved));
}

interface SwaOptimizerClass extends serialization.SerializableConstructor<SwaOptimizer> {
  new (base: Optimizer, options: SwaOptimizerOptions): SwaOptimizer;
  readonly className: string;
  readonly fromConfig: serialization.FromConfigMethod<SwaOptimizer>;
}

function swaOptimizerClass(tf: TensorFlow, unsaved: LoadedSwaOptimizerOptions): SwaOptimizerClass {
  class TfjsSwaOptimizer extends tf.Optimizer implements SwaOptimizer {
    static readonly className = CLASS_NAME;
    readonly base: Optimizer;
    readonly #averages: TrainedAverages;
    #counters: Tensor | undefined;

    constructor(base: Optimizer, options: SwaOptimizerOptions) {
      super();
      const own = requireOptions('swaOptimizer', options, OPTION_NAMES);
      const backend = tfjsBackend(tf);
      if (!backend.isSynchronous) {
        throw new PolyakError(
          'ERR_UNSUPPORTED',
          `swaOptimizer: tfjs's "${tf.getBackend()}" can only be read by promises, for which an ` +
            'optimizer cannot wait. Use SWA with tfjsOptimizer, or swaCallback.',
        );
      }
      this.base = base;
      this.#averages = new TrainedAverages(base, backend, own);
    }

    static override fromConfig<S extends serialization.Serializable>(
      cls: serialization.SerializableConstructor<S>,
      config: serialization.ConfigDict,
    ): S {
      const { baseClassName, baseConfig, options, rules } = config;
      const { classNameMap } = tf.serialization.SerializationMap.getMap();
      const known = classNameMap[baseClassName as string];
      if (known === undefined) {
        throw new PolyakError(
          'ERR_UNSUPPORTED',
          `swaOptimizer: tfjs does not know the optimizer ${JSON.stringify(baseClassName)}. ` +
            'Call tf.serialization.registerClass before loading.',
        );
      }
      const [baseClass, fromConfig] = known;
      const base = fromConfig(baseClass, baseConfig as serialization.ConfigDict);
      const made: object = new cls(base, { ...(options as object), ...unsaved });
      const { rules: own } = (made as TfjsSwaOptimizer).#averages;
      requireRules(own, rules as unknown as readonly SavedRule[]);
      return made as S;
    }

    override getConfig(): serialization.ConfigDict {
      const options = Object.entries(this.#averages.options).filter(
        ([name]) => !UNSAVED_NAMES.includes(name),
      );
      const config = {
        options: Object.fromEntries(options),
        rules: ruleNames(this.#averages.rules),
        baseClassName: this.base.getClassName(),
        baseConfig: this.base.getConfig(),
      };
      return config as object as serialization.ConfigDict;
    }

    get learningRate(): number {
      return learningRateOf(this.base);
    }

    set learningRate(rate: number) {
      setLearningRate(this.base, rate);
    }

    setLearningRate(rate: number): void {
      setLearningRate(this.base, rate);
    }

    override get iterations(): number {
      return this.base.iterations;
    }

    get stepCounter(): number {
      return this.#averages.stepCounter;
    }

    get nAvg(): number {
      return this.#averages.nAvg;
    }

    get isSwapped(): boolean {
      return this.#averages.isSwapped;
    }

    override applyGradients(gradients: NamedTensorMap | NamedTensor[]): void {
      this.#averages.step('applyGradients', trainedBy(tf, gradients), () =>
        this.base.applyGradients(gradients),
      );
    }

    swapSwaSgd(given: SwaOptimizerSwapOptions = {}): void {
      const known = ['average', 'parameters'];
      const { parameters, ...options } = requireOptions('swapSwaSgd', given, known);
      this.#averages.swap(parameters, options);
    }

    override async getWeights(): Promise<NamedTensor[]> {
      this.#averages.requireLive('getWeights');
      const own = await getWeights(this.base);
      const powers = namedBetaPowers(BETA_POWERS, this.base);
      const { tensors, counts } = this.#averages.saved(CLASS_NAME);
      this.#counters?.dispose();
      this.#counters = tf.keep(tf.tensor1d(counts, 'int32'));
      return [...own, ...powers, { name: COUNTERS, tensor: this.#counters }, ...tensors];
    }

    override async setWeights(weights: NamedTensor[]): Promise<void> {
      this.#averages.requireLive('setWeights');
      const start = weights.findIndex(({ name }) => name === COUNTERS);
      const counters = weights[start];
      if (counters === undefined) {
        throw new PolyakError(
          'ERR_STATE',
          `swaOptimizer: the saved weights have no "${COUNTERS}", expected those of a ` +
            'swaOptimizer. Load a model that was saved with one, or compile the loaded model anew.',
        );
      }
      const own = weights.slice(0, start);
      const { powers, rest } = await betaPowersIn(BETA_POWERS, this.base, own);
      const counts = Array.from(await counters.tensor.data());
      const loaded = await this.#averages.read(CLASS_NAME, weights.slice(start + 1), counts);
      try {
        await this.base.setWeights(rest);
        writeBetaPowers(tf, this.base, powers);
        this.#averages.replace('setWeights', loaded);
      } catch (error) {
        this.#averages.free(loaded);
        throw error;
      }
    }

    override dispose(): void {
      this.#averages.dispose('dispose');
      this.#counters?.dispose();
      this.base.dispose();
    }
  }
  return TfjsSwaOptimizer;
}

/** The variables that have a gradient. */
function trainedBy(tf: TensorFlow, gradients: NamedTensorMap | NamedTensor[]): readonly Variable[] {
  const list: readonly NamedTensor[] = Array.isArray(gradients)
    ? gradients
    : Object.entries(gradients).map(([name, tensor]) => ({ name, tensor }));
  const { registeredVariables } = tf.engine();
  return list.flatMap(({ name, tensor }) => {
    // tfjs's own optimizers pass over a gradient that is null.
    const given = tensor as Tensor | null | undefined;
    return given === null || given === undefined ? [] : (registeredVariables[name] ?? []);
  });
}
