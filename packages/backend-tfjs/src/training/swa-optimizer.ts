// SWA as a tf.Optimizer: for model.compile and for training loops without await.
import type { AutomaticMode, ModeOptions, Parameter } from '@polyak/core';
import { equal, modeOf, plan, PolyakError } from '@polyak/core';
import type {
  NamedTensorMap,
  Optimizer,
  serialization,
  Tensor,
  Variable,
} from '@tensorflow/tfjs-core';
import type { TfjsBackend } from '../averaging/backend.js';
import { tfjsBackend } from '../averaging/backend.js';
import { isAllFinite } from '../averaging/host-kernels.js';
import { learningRateOf, setLearningRate } from './learning-rate.js';
import { getWeights } from './optimizer-weights.js';
import type { NamedTensor } from './optimizer-weights.js';
import type { TensorFlow } from '../tensorflow.js';

declare const console: { warn(message: string): void };

/** A `tf.Optimizer` that keeps the running average of what it trains. See {@link swaOptimizer}. */
export interface SwaOptimizer extends Optimizer {
  /** The optimizer that takes the steps. */
  readonly base: Optimizer;
  /** The updates of the average so far. */
  readonly nAvg: number;
  /** The steps so far. */
  readonly stepCounter: number;
  /** Whether the model holds the averages now. */
  readonly isSwapped: boolean;
  /**
   * Exchanges the averages and the live weights by reference, bit for bit.
   *
   * @param parameters - what is trained, in the order of training: `modelParameters(model)`
   * @throws PolyakError `ERR_NO_AVERAGES` before the first average; `ERR_PARAMETERS` for other
   *   parameters, or another order (right after a load, only shapes are known)
   */
  swapSwaSgd(parameters: readonly Parameter<Tensor>[]): void;
}

/** The name under which tfjs saves and loads the optimizer. */
const CLASS_NAME = 'PolyakSWA';

/**
 * Wraps a tfjs optimizer so that it averages the weights it visits, in torchcontrib's automatic
 * mode: the learning rate is `swaLr` once `swaStart` steps are done, and
 * `average += (weights - average) / (nAvg + 1)` after each later step that is a multiple of
 * `swaFreq`.
 *
 * It goes into `model.compile`, and `model.save(…, { includeOptimizer: true })` saves averages and
 * counters with it, so that a loaded model goes on where it stopped: call
 * {@link registerSwaOptimizer} before loading. Everything is synchronous, the check for NaN too,
 * which webgpu cannot do: use `SWA` or `swaCallback` there.
 *
 * @param tf - TensorFlow.js, its backend set
 * @param base - any optimizer of `tf.train` but Adamax, which tfjs cannot save
 * @param options - `swaStart`, `swaFreq` and `swaLr`, in steps
 * @returns the optimizer; `dispose` frees the averages and the base optimizer
 * @throws RangeError, TypeError for options out of range, or without `swaStart` and `swaFreq`
 * @throws PolyakError `ERR_UNSUPPORTED` on webgpu
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { modelParameters, swaOptimizer } from '@polyak/backend-tfjs';
 *
 * await tf.setBackend('cpu');
 * const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [2] })] });
 * const optimizer = swaOptimizer(tf, tf.train.sgd(0.1), { swaStart: 5, swaFreq: 1, swaLr: 0.05 });
 * model.compile({ optimizer, loss: 'meanSquaredError' });
 * await model.fit(tf.ones([8, 2]), tf.ones([8, 1]), { batchSize: 8, epochs: 10, verbose: 0 });
 * optimizer.swapSwaSgd(modelParameters(model));
 * console.log(optimizer.nAvg); // 5
 * ```
 *
 * @see torchcontrib.optim.SWA
 */
export function swaOptimizer(tf: TensorFlow, base: Optimizer, options: ModeOptions): SwaOptimizer {
  return new (swaOptimizerClass(tf))(base, options);
}

/**
 * Lets `tf.loadLayersModel` read models that were saved with a {@link swaOptimizer}: call it once,
 * before loading.
 *
 * @param tf - TensorFlow.js
 */
export function registerSwaOptimizer(tf: TensorFlow): void {
  tf.serialization.registerClass(swaOptimizerClass(tf));
}

interface SwaOptimizerClass extends serialization.SerializableConstructor<SwaOptimizer> {
  new (base: Optimizer, options: ModeOptions): SwaOptimizer;
  readonly className: string;
  readonly fromConfig: serialization.FromConfigMethod<SwaOptimizer>;
}

function swaOptimizerClass(tf: TensorFlow): SwaOptimizerClass {
  class TfjsSwaOptimizer extends tf.Optimizer implements SwaOptimizer {
    static readonly className = CLASS_NAME;
    readonly base: Optimizer;
    readonly #mode: AutomaticMode;
    readonly #backend: TfjsBackend = tfjsBackend(tf);
    readonly #rule = equal();
    #averages: readonly Variable[] = [];
    #counters: Tensor | undefined;
    /** What was averaged, in order; unknown after a load until the next average. */
    #trained: readonly Variable[] | undefined;
    nAvg = 0;
    stepCounter = 0;
    isSwapped = false;

    constructor(base: Optimizer, options: ModeOptions) {
      super();
      const mode = modeOf(options, (message) => console.warn(message));
      if (mode.kind === 'manual')
        throw new RangeError('swaOptimizer: give both swaStart and swaFreq.');
      if (tf.getBackend() === 'webgpu') {
        throw new PolyakError(
          'ERR_UNSUPPORTED',
          'swaOptimizer: webgpu cannot be read synchronously. Use SWA or swaCallback.',
        );
      }
      this.base = base;
      this.#mode = mode;
    }

    static override fromConfig<S extends serialization.Serializable>(
      cls: serialization.SerializableConstructor<S>,
      config: serialization.ConfigDict,
    ): S {
      const { baseClassName, baseConfig, ...options } = config;
      const { classNameMap } = tf.serialization.SerializationMap.getMap();
      const [baseClass, fromConfig] = classNameMap[baseClassName as string] ?? [];
      if (baseClass === undefined || fromConfig === undefined) {
        throw new PolyakError(
          'ERR_UNSUPPORTED',
          `swaOptimizer: tfjs knows no optimizer ${JSON.stringify(baseClassName)}.`,
        );
      }
      return new cls(fromConfig(baseClass, baseConfig as serialization.ConfigDict), options);
    }

    override getConfig(): serialization.ConfigDict {
      const { kind: _, ...options } = this.#mode;
      return {
        ...options,
        baseClassName: this.base.getClassName(),
        baseConfig: this.base.getConfig(),
      };
    }

    get learningRate(): number {
      return learningRateOf(this.base);
    }

    setLearningRate(rate: number): void {
      setLearningRate(this.base, rate);
    }

    override get iterations(): number {
      return this.base.iterations;
    }

    override applyGradients(gradients: NamedTensorMap | NamedTensor[]): void {
      this.#requireLive('applyGradients');
      const { lr, average } = plan(this.#mode, this.stepCounter);
      if (lr !== undefined) setLearningRate(this.base, lr);
      this.base.applyGradients(gradients);
      if (average) {
        const names = Array.isArray(gradients)
          ? gradients.map(({ name }) => name)
          : Object.keys(gradients);
        const { registeredVariables } = tf.engine();
        this.#average(
          names.map((name) => ({ name, variable: registeredVariables[name] as Variable })),
        );
      }
      this.stepCounter += 1;
    }

    #average(live: readonly { readonly name: string; readonly variable: Variable }[]): void {
      const variables = live.map(({ variable }) => variable);
      const bad = live.filter(({ variable }) => !isAllFinite(variable.dataSync<'float32'>()));
      if (bad.length > 0) {
        throw new PolyakError(
          'ERR_NON_FINITE',
          `swaOptimizer: NaN or an infinity in ${bad.map(({ name }) => `"${name}"`).join(', ')} ` +
            'would destroy the average. The averages are as they were: put finite weights back ' +
            'and go on.',
        );
      }
      if (this.nAvg === 0) this.#averages = this.#backend.clone(variables);
      else {
        this.#requireFit(live);
        this.#averages = this.#backend.average(
          this.#averages,
          variables,
          this.#rule.weight(this.nAvg),
        );
      }
      this.#trained = variables;
      this.nAvg += 1;
    }

    swapSwaSgd(parameters: readonly Parameter<Tensor>[]): void {
      if (this.nAvg === 0) {
        throw new PolyakError(
          'ERR_NO_AVERAGES',
          'swapSwaSgd: nothing has been averaged yet. Train past swaStart.',
        );
      }
      this.#requireFit(parameters.map(({ name, get }) => ({ name, variable: get() as Variable })));
      // Synchronous, since what it exchanges are variables.
      this.#averages = this.#backend.swap(parameters, this.#averages) as readonly Variable[];
      this.isSwapped = !this.isSwapped;
    }

    #requireFit(live: readonly { readonly name: string; readonly variable: Variable }[]): void {
      const unfit = live.find(
        ({ variable }, index) =>
          String(variable.shape) !== String(this.#averages[index]?.shape) ||
          (this.#trained !== undefined && variable !== this.#trained[index]),
      );
      if (live.length === this.#averages.length && unfit === undefined) return;
      throw new PolyakError(
        'ERR_PARAMETERS',
        `swaOptimizer: ${live.length} variables, ${this.#averages.length} averages` +
          (unfit === undefined ? '.' : `; "${unfit.name}" is not what was averaged in its place.`),
      );
    }

    #requireLive(call: string): void {
      if (!this.isSwapped) return;
      throw new PolyakError(
        'ERR_SWAPPED',
        `${call}: the model holds the averages. Call swapSwaSgd once more first.`,
      );
    }

    override async getWeights(): Promise<NamedTensor[]> {
      this.#requireLive('getWeights');
      this.#counters?.dispose();
      this.#counters = tf.keep(tf.tensor1d([this.nAvg, this.stepCounter], 'int32'));
      return [
        ...(await getWeights(this.base)),
        { name: `${CLASS_NAME}/counters`, tensor: this.#counters },
        ...this.#averages.map((tensor, index) => ({
          name: `${CLASS_NAME}/average_${index}`,
          tensor,
        })),
      ];
    }

    override async setWeights(weights: NamedTensor[]): Promise<void> {
      this.#requireLive('setWeights');
      const start = weights.findIndex(({ name }) => name === `${CLASS_NAME}/counters`);
      if (start < 0)
        throw new PolyakError(
          'ERR_STATE',
          'swaOptimizer: the saved optimizer was no swaOptimizer.',
        );
      await this.base.setWeights(weights.slice(0, start));
      const [counters, ...averages] = weights.slice(start).map(({ tensor }) => tensor);
      const [nAvg = 0, stepCounter = 0] = (await counters?.data()) ?? [];
      this.#backend.dispose(this.#averages);
      this.#averages = this.#backend.clone(averages);
      this.#trained = undefined;
      this.nAvg = nAvg;
      this.stepCounter = stepCounter;
    }

    override dispose(): void {
      this.#requireLive('dispose');
      this.#counters?.dispose();
      this.#backend.dispose(this.#averages);
      this.#averages = [];
      this.nAvg = 0;
      this.base.dispose();
    }
  }
  return TfjsSwaOptimizer;
}
