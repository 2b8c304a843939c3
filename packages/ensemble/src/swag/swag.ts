// SWAG: a Gaussian over the weights that an optimizer visits, samples from it, and predictions
// averaged over samples.
import { ParameterSet, PolyakError } from '@polyak/core';
import type {
  NamedTensors,
  ParameterSetOptions,
  ParameterSource,
  StateTree,
  WithWeightsOptions,
} from '@polyak/core';
import type { Awaitable, TensorSpec } from '@polyak/core/interfaces';
import { abortInTurns, requireFunction, requireOptions, requireSignal } from '@polyak/core/kit';
import type { SignalOptions } from '../signal.js';
import { shown } from '../state-nodes.js';
import { Turns } from '../turns.js';
import { collected, NOTHING } from './gaussian.js';
import { normal } from './normal.js';
import { PredictionMean } from './prediction-mean.js';
import { sampled } from './sample.js';
import { restored, stateOf } from './swag-state.js';
import type { SWAGState } from './swag-state.js';
import { seededState, Xoshiro } from './xoshiro.js';

/** Options of {@link SWAG}. */
export interface SWAGOptions<T> extends ParameterSetOptions<T> {
  /**
   * The rank K of the low-rank covariance: how many deviations are kept, an integer >= 0. With 0
   * the covariance is diagonal (the paper's SWAG-Diagonal). Default 20, as in the paper.
   */
  readonly rank?: number;
  /**
   * The seed of the samples, an integer in [0, 2^32). The same seed gives the same samples.
   * Default 0.
   */
  readonly seed?: number;
}

/** Which distribution a sample is drawn from. */
export interface SampleOptions {
  /**
   * The factor of the covariance, finite and >= 0. With 0 the sample is the mean, which is the SWA
   * average. Default 1.
   */
  readonly scale?: number;
  /**
   * Whether each tensor is drawn independently of the others: correlations within a tensor are
   * kept, those between tensors are not. Default false.
   */
  readonly block?: boolean;
}

/** A sample, and the batch-norm statistics that belong to it. */
export type WithSampleOptions<Batch = unknown> = SampleOptions & WithWeightsOptions<Batch>;

/** Samples, the batch-norm statistics that belong to each, and a signal that ends the call. */
export type ModelAverageOptions<Batch = unknown> = WithSampleOptions<Batch> & SignalOptions;

/**
 * SWA-Gaussian: the distribution N(mean, scale · Σ) of the weights that an optimizer visits, with
 *
 * Σ = ½ (diag(variance) + D Dᵀ / (K - 1)),
 *
 * where D holds the last K deviations of the weights from their running mean, or Σ = diag(variance)
 * where `rank` is 0. As long as fewer than `rank` models were collected, K is their number. Where K
 * is 1, the divisor is 1.
 *
 * Everything is kept on the host: mean and variance in float64, deviations in float32 (float64 for
 * float64 weights). That is 16 + 4·rank bytes for each float32 weight, 96 at rank 20, and 24 more
 * during a collection. Tensors that are not floats are copied from the last model. Leave running
 * batch-norm statistics out of the parameters, and pass `batchNorm` to estimate them for each
 * sample.
 *
 * All methods return promises, one call at a time. A call that fails leaves everything as it was,
 * the random numbers too, so that it can be repeated.
 *
 * @example
 * ```ts
 * import { cpuBackend, parameter } from '@polyak/backend-cpu';
 * import { SWAG } from '@polyak/ensemble';
 *
 * const weights = new Float32Array(2);
 * const parameters = [parameter('weight', { dtype: 'float32', shape: [2], data: weights })];
 * const swag = new SWAG(parameters, { backend: cpuBackend(), rank: 5 });
 *
 * for (const value of [1, 2, 6]) {
 *   weights.fill(value); // an epoch of training
 *   await swag.collect();
 * }
 * await swag.withSample(() => console.log([...weights]), { scale: 0 }); // [3, 3]
 * const mean = await swag.bayesianModelAverage(100, () => weights);
 * console.log(Math.abs(mean[0] - 3) < 0.5); // true
 * ```
 *
 * @see Maddox et al. 2019, A Simple Baseline for Bayesian Uncertainty in Deep Learning,
 *   https://arxiv.org/abs/1902.02476, algorithm 1 and equation 1
 */
export class SWAG<T> {
  /** See {@link SWAGOptions.rank}; the original's `max_num_models`. */
  readonly rank: number;
  readonly #model: ParameterSet<T>;
  readonly #specs: ReadonlyMap<string, TensorSpec>;
  readonly #random: Xoshiro;
  readonly #turns = new Turns('SWAG');
  #gaussian = NOTHING;

  /**
   * @param parameters - of the model; or a function that gives them
   * @param options - see {@link SWAGOptions}
   * @throws TypeError, RangeError where an argument is not what it should be
   * @throws PolyakError `ERR_PARAMETERS` where two parameters share a name, or a part of their
   * memory
   * @throws PolyakError `ERR_UNSUPPORTED` where the backend cannot hold one
   */
  constructor(parameters: ParameterSource<T>, options: SWAGOptions<T>) {
    const known = ['backend', 'onWarning', 'rank', 'seed'];
    const { rank = 20, seed = 0, ...terms } = requireOptions('SWAG', options, known);
    this.#model = new ParameterSet(parameters, terms);
    requireInteger('SWAG: rank', rank, 0);
    requireInteger('SWAG: seed', seed, 0, 2 ** 32 - 1);
    this.rank = rank;
    this.#specs = this.#model.specs;
    this.#random = new Xoshiro(seededState(seed));
  }

  /** The number of models collected so far. */
  get nModels(): number {
    return this.#gaussian.nModels;
  }

  /**
   * Collects the weights that the model holds now. Call it once an epoch, say, at a constant or
   * cyclic learning rate.
   *
   * @throws PolyakError `ERR_NON_FINITE` where a weight is not finite, or a variance overflows;
   *   names the tensor
   * @throws PolyakError `ERR_PARAMETERS` where the model has other weights than at first,
   *   `ERR_SWAPPED` where it holds the weights of another object, `ERR_BUSY`
   */
  collect(): Promise<void> {
    return this.#turns.alone('collect', async () => {
      this.#gaussian = collected(this.#gaussian, await this.#model.read(), this.rank);
    });
  }

  /**
   * Draws weights from the distribution.
   *
   * @param options - see {@link SampleOptions}
   * @returns tensors by the names of the parameters, for `withWeights` of a {@link ParameterSet} or
   *   a file; half precision as float32
   * @throws TypeError, RangeError where an option is not what it should be
   * @throws PolyakError `ERR_NO_AVERAGES` before the first `collect`, `ERR_BUSY`
   */
  sample(options: SampleOptions = {}): Promise<NamedTensors> {
    return this.#drawing('sample', async () => {
      return this.#draw('sample', requireOptions('sample', options, SAMPLE_OPTIONS));
    });
  }

  /**
   * Runs `fn` with a sample in the model, and puts back what it held, whatever happens.
   *
   * @param fn - evaluates or saves the model
   * @param options - see {@link SampleOptions}; with `batchNorm`, the running statistics are
   *   estimated for the sample first, and put back afterwards. A model with batch norm needs that
   * @returns what `fn` returned
   * @throws TypeError, RangeError where an option is not what it should be
   * @throws PolyakError `ERR_NO_AVERAGES` before the first `collect`, `ERR_NON_FINITE` where the
   *   sample overflows, `ERR_SWAPPED` where the model holds the weights of another object,
   *   `ERR_BUSY`, `ERR_PARAMETERS`, and whatever `fn` or the batch-norm update throws
   */
  withSample<R, Batch>(fn: () => Awaitable<R>, options: WithSampleOptions<Batch> = {}): Promise<R> {
    return this.#drawing('withSample', async () => this.#within('withSample', fn, options));
  }

  /**
   * The mean of what `predict` returns over `n` samples, each of them in the model for one call:
   * Bayesian model averaging.
   *
   * @param n - the number of samples, an integer >= 1; the paper takes 30. The option `signal` ends
   *   the call before that
   * @param predict - the predicted probabilities of the model, for the same inputs at each call. It
   *   is called once for each sample, so it can report progress
   * @param options - as for {@link SWAG.withSample}. The loader is read once for each sample, so it
   *   cannot be a generator
   * @returns the mean probabilities, added up in float64
   * @throws RangeError where `n` is out of its range, or `predict` returns fewer or more numbers
   *   than before
   * @throws TypeError where `predict` does not return numbers
   * @throws PolyakError `ERR_NON_FINITE` where one of them is not finite; and what
   *   {@link SWAG.withSample} throws
   * @see Maddox et al. 2019, https://arxiv.org/abs/1902.02476, algorithm 1
   */
  bayesianModelAverage<Batch>(
    n: number,
    predict: () => Awaitable<ArrayLike<number>>,
    options: ModelAverageOptions<Batch> = {},
  ): Promise<Float64Array> {
    const call = 'bayesianModelAverage';
    return this.#drawing(call, async () => {
      requireInteger(`${call}: n`, n, 1);
      requireFunction(call, 'predict', predict);
      const mean = new PredictionMean(call);
      // Added while the sample is in the model: what `predict` returns may be a view of it.
      const predicted = async (): Promise<void> => mean.add(await predict());
      const known = [...SAMPLE_OPTIONS, 'batchNorm', 'signal'];
      const { signal, ...terms } = requireOptions(call, options, known);
      requireSignal(call, signal);
      const throwIfAborted = abortInTurns(signal);
      for (let sample = 0; sample < n; sample += 1) {
        await throwIfAborted();
        await this.#within(call, predicted, terms);
      }
      await throwIfAborted();
      return mean.value;
    });
  }

  /**
   * The state of this SWAG, as plain data: `toSafetensors` turns it into bytes. A SWAG that goes on
   * from it collects and samples the same, bit for bit.
   *
   * @returns copies, which later calls do not change
   * @throws PolyakError `ERR_BUSY`
   */
  stateDict(): Promise<SWAGState> {
    return this.#turns.alone('stateDict', async () =>
      stateOf(this.rank, this.#gaussian, this.#random.state),
    );
  }

  /**
   * Goes on from a state. Everything is checked before anything is replaced.
   *
   * @param state - from {@link SWAG.stateDict}, or from its bytes
   * @throws PolyakError `ERR_STATE` where it does not fit, with every difference; `ERR_BUSY`
   */
  loadStateDict(state: StateTree): Promise<void> {
    return this.#turns.alone('loadStateDict', async () => {
      const { gaussian, random } = restored(state, this.rank, this.#specs);
      this.#gaussian = gaussian;
      this.#random.state = random;
    });
  }

  #within<R, Batch>(
    call: string,
    fn: () => Awaitable<R>,
    options: WithSampleOptions<Batch>,
  ): Promise<R> {
    const given = requireOptions(call, options, [...SAMPLE_OPTIONS, 'batchNorm']);
    const { batchNorm } = given;
    const sample = this.#draw(call, given);
    const named = { holder: `SWAG.${call}` };
    return this.#model.withWeights(sample, fn, batchNorm ? { ...named, batchNorm } : named);
  }

  #draw(call: string, { scale = 1, block = false }: SampleOptions): NamedTensors {
    if (!(typeof scale === 'number' && scale >= 0 && scale < Infinity)) {
      throw new RangeError(`${call}: scale is ${shown(scale)}, expected a finite number >= 0.`);
    }
    if (this.nModels === 0) {
      throw new PolyakError(
        'ERR_NO_AVERAGES',
        `${call}: nothing has been collected yet. Call collect first.`,
      );
    }
    const uniform = (): number => this.#random.next();
    return sampled(this.#gaussian, this.#specs, { scale, block }, () => normal(uniform));
  }

  /** Runs `work` alone; where it fails, it has drawn no random numbers. */
  #drawing<R>(call: string, work: () => Promise<R>): Promise<R> {
    return this.#turns.alone(call, async () => {
      const before = this.#random.state;
      try {
        return await work();
      } catch (error) {
        this.#random.state = before;
        throw error;
      }
    });
  }
}

const SAMPLE_OPTIONS = ['scale', 'block'];

function requireInteger(what: string, value: number, least: number, most = Infinity): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  const range = most === Infinity ? `>= ${least}` : `in [${least}, ${most}]`;
  throw new RangeError(`${what} is ${shown(value)}, expected an integer ${range}.`);
}
