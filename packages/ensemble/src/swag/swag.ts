// SWAG: a Gaussian over the weights that an optimizer visits, samples of it in the model, and predictions averaged over them.
import type {
  AveragedBatchNorm,
  Awaitable,
  LiveModel,
  NamedTensors,
  StateTree,
  TensorSpec,
} from '@polyak/core';
import { formatSpec, PolyakError, readWeights, sameSpec, withWeights } from '@polyak/core';
import { Guard, weightSpecs } from '@polyak/core/internal';
import { collected, NOTHING } from './gaussian.js';
import { normal } from './normal.js';
import { sampled } from './sample.js';
import { restored, stateOf } from './swag-state.js';
import type { SWAGState } from './swag-state.js';
import { seededState, Xoshiro } from './xoshiro.js';

/** Options of {@link SWAG}. */
export interface SWAGOptions {
  /**
   * The rank K of the low-rank covariance: how many deviations are kept, an integer >= 0. With 0 the covariance is diagonal
   * (the paper's SWAG-Diagonal). Default 20, as in the paper.
   */
  readonly rank?: number;
  /** Makes the samples: an integer in [0, 2^32). The same seed gives the same samples. Default 0. */
  readonly seed?: number;
}

/** Options of a sample. */
export interface SampleOptions {
  /** What the covariance is multiplied by, finite and >= 0: 0 gives the mean, which is the SWA average. Default 1. */
  readonly scale?: number;
  /**
   * Whether each tensor is drawn by itself: correlations within a tensor are kept, those between tensors are not.
   * Default false.
   */
  readonly isBlockwise?: boolean;
}

/**
 * SWA-Gaussian: the distribution N(mean, scale · Σ) of the weights that an optimizer visits, with
 *
 * Σ = ½ (diag(variance) + D Dᵀ / (K - 1)),
 *
 * where D holds the last K deviations of the weights from their running mean, or Σ = diag(variance) where `rank` is 0. Where
 * fewer than `rank` models are collected, K is their number; where K is 1, the divisor is 1.
 *
 * Everything is kept on the host: mean and variance in float64, deviations in float32 (float64 for float64 weights), which is
 * 16 + 4·rank bytes a float32 weight, 96 at rank 20; while one is collected, 24 more. Tensors that are no floats are those of
 * the last model. A model's running batch-norm statistics are no weights: leave them out of the parameters, and have them
 * estimated for each sample.
 *
 * All methods return promises, one call at a time. A call that fails leaves everything as it was, the random numbers too, so
 * that it can be made once more.
 *
 * @example
 * ```ts
 * import { cpuBackend, parameter } from '@polyak/backend-cpu';
 * import { SWAG } from '@polyak/ensemble';
 *
 * const weights = new Float32Array(2);
 * const parameters = [parameter('weight', { dtype: 'float32', shape: [2], data: weights })];
 * const swag = new SWAG({ backend: cpuBackend(), parameters }, { rank: 5 });
 *
 * for (const value of [1, 2, 6]) {
 *   weights.fill(value); // an epoch of training
 *   await swag.collect();
 * }
 * await swag.withSample(() => console.log([...weights]), undefined, { scale: 0 }); // [3, 3]
 * const mean = await swag.bayesianModelAverage(100, () => weights);
 * console.log(Math.abs(mean[0] - 3) < 0.5); // true
 * ```
 *
 * @see Maddox et al. 2019, A Simple Baseline for Bayesian Uncertainty in Deep Learning, https://arxiv.org/abs/1902.02476,
 *   algorithm 1 and equation 1
 */
export class SWAG<T> {
  /** The model whose weights are collected, and that samples are put into. */
  readonly model: LiveModel<T>;
  /** See {@link SWAGOptions.rank}; the original's `max_num_models`. */
  readonly rank: number;
  readonly #specs: ReadonlyMap<string, TensorSpec>;
  readonly #random: Xoshiro;
  readonly #guard = new Guard();
  #gaussian = NOTHING;

  /**
   * @param model - see {@link LiveModel}
   * @param options - see {@link SWAGOptions}
   * @throws RangeError where an option is out of its range
   * @throws PolyakError `ERR_PARAMETERS` where two parameters share a name, `ERR_UNSUPPORTED` where the backend cannot hold one
   */
  constructor(model: LiveModel<T>, options: SWAGOptions = {}) {
    const { rank = 20, seed = 0 } = options;
    requireInteger('SWAG: rank', rank, 0);
    requireInteger('SWAG: seed', seed, 0, 2 ** 32 - 1);
    this.model = model;
    this.rank = rank;
    this.#specs = weightSpecs(model);
    this.#random = new Xoshiro(seededState(seed));
  }

  /** The models collected so far. */
  get nModels(): number {
    return this.#gaussian.nModels;
  }

  /**
   * Collects the weights that the model holds now: once an epoch, say, at a constant or cyclic learning rate.
   *
   * @throws PolyakError `ERR_NON_FINITE` where a weight is not finite, or a variance overflows; names the tensor
   * @throws PolyakError `ERR_PARAMETERS` where the model has other weights than when this SWAG was made
   * @throws PolyakError `ERR_BUSY`
   */
  async collect(): Promise<void> {
    return this.#guard.alone('collect', async () => {
      const weights = await readWeights(this.model);
      requireSpecs(weights, this.#specs);
      this.#gaussian = collected(this.#gaussian, weights, this.rank);
    });
  }

  /**
   * Draws weights from the distribution.
   *
   * @param options - see {@link SampleOptions}
   * @returns tensors by the names of the parameters, for {@link withWeights} or a file; half precision as float32
   * @throws RangeError where an option is out of its range
   * @throws PolyakError `ERR_NO_AVERAGES` before the first `collect`, `ERR_BUSY`
   */
  async sample(options: SampleOptions = {}): Promise<NamedTensors> {
    return this.#drawing('sample', async () => this.#draw('sample', options));
  }

  /**
   * Runs `fn` with a sample in the model, and puts back what it held, whatever happens.
   *
   * @param fn - evaluates or saves the model
   * @param batchNorm - the model's batch norm and training batches: the running statistics are estimated for the sample first,
   *   and put back afterwards. Where the model has batch norm, no sample is worth anything without
   * @param options - see {@link SampleOptions}
   * @returns what `fn` returned
   * @throws RangeError where an option is out of its range
   * @throws PolyakError `ERR_NO_AVERAGES` before the first `collect`, `ERR_NON_FINITE` where the sample overflows, `ERR_BUSY`,
   *   `ERR_PARAMETERS`, and whatever `fn` or the batch-norm update throws
   */
  async withSample<R, Batch>(
    fn: () => Awaitable<R>,
    batchNorm?: AveragedBatchNorm<Batch>,
    options: SampleOptions = {},
  ): Promise<R> {
    return this.#drawing('withSample', async () =>
      withWeights(this.model, this.#draw('withSample', options), fn, batchNorm),
    );
  }

  /**
   * The mean of what `predict` returns over `n` samples, each of them in the model for one call: Bayesian model averaging.
   *
   * @param n - the number of samples, an integer >= 1; the paper takes 30
   * @param predict - the predicted probabilities of the model, always as many and in the same order
   * @param batchNorm - as for {@link SWAG.withSample}; its loader is read once a sample, so not a generator
   * @param options - see {@link SampleOptions}
   * @returns the mean probabilities, added up in float64
   * @throws RangeError where `n` or an option is out of its range, or `predict` returns another number of numbers than before
   * @throws TypeError where `predict` does not return numbers
   * @throws PolyakError `ERR_NON_FINITE` where one of them is not finite; and what {@link SWAG.withSample} throws
   * @see Maddox et al. 2019, https://arxiv.org/abs/1902.02476, algorithm 1
   */
  async bayesianModelAverage<Batch>(
    n: number,
    predict: () => Awaitable<ArrayLike<number>>,
    batchNorm?: AveragedBatchNorm<Batch>,
    options: SampleOptions = {},
  ): Promise<Float64Array> {
    const call = 'bayesianModelAverage';
    requireInteger(`${call}: n`, n, 1);
    return this.#drawing(call, async () => {
      let mean: Float64Array | undefined;
      for (let sample = 0; sample < n; sample += 1) {
        // Copied while the sample is in the model: what `predict` returns may be a view of it.
        const predicted = await withWeights(
          this.model,
          this.#draw(call, options),
          async () => checkedPrediction(await predict(), sample, mean?.length),
          batchNorm,
        );
        mean ??= new Float64Array(predicted.length);
        for (const [index, value] of predicted.entries()) {
          const old = mean[index] as number;
          mean[index] = old + (value - old) / (sample + 1);
        }
      }
      return mean as Float64Array;
    });
  }

  /**
   * The state of this SWAG, as plain data: `toSafetensors` turns it into bytes. Collections and samples that go on from it are
   * the same bit for bit.
   *
   * @returns copies, which later calls do not change
   * @throws PolyakError `ERR_BUSY`
   */
  async stateDict(): Promise<SWAGState> {
    return this.#guard.alone('stateDict', async () =>
      stateOf(this.rank, this.#gaussian, this.#random.state),
    );
  }

  /**
   * Goes on from a state. Everything is checked before anything is replaced.
   *
   * @param state - from {@link SWAG.stateDict}, or from its bytes
   * @throws PolyakError `ERR_STATE` where it does not fit, with every difference; `ERR_BUSY`
   */
  async loadStateDict(state: StateTree): Promise<void> {
    return this.#guard.alone('loadStateDict', async () => {
      const { gaussian, random } = restored(state, this.rank, this.#specs);
      this.#gaussian = gaussian;
      this.#random.state = random;
    });
  }

  #draw(call: string, { scale = 1, isBlockwise = false }: SampleOptions): NamedTensors {
    if (!(scale >= 0 && scale < Infinity)) {
      throw new RangeError(`${call}: scale is ${scale}, expected a finite number >= 0.`);
    }
    if (this.nModels === 0) {
      throw new PolyakError(
        'ERR_NO_AVERAGES',
        `${call}: nothing has been collected yet. Call collect first.`,
      );
    }
    const uniform = (): number => this.#random.next();
    return sampled(this.#gaussian, this.#specs, { scale, isBlockwise }, () => normal(uniform));
  }

  /** Runs `work` alone; where it fails, it has drawn no random numbers. */
  async #drawing<R>(call: string, work: () => Promise<R>): Promise<R> {
    return this.#guard.alone(call, async () => {
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

function requireInteger(what: string, value: number, least: number, most = Infinity): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  const range = most === Infinity ? `>= ${least}` : `in [${least}, ${most}]`;
  throw new RangeError(`${what} is ${String(value)}, expected an integer ${range}.`);
}

/** Refuses weights that are not those of `specs`. */
function requireSpecs(weights: NamedTensors, specs: ReadonlyMap<string, TensorSpec>): void {
  for (const name of new Set([...specs.keys(), ...Object.keys(weights)])) {
    const spec = specs.get(name);
    const found = Object.hasOwn(weights, name) ? weights[name] : undefined;
    if (spec !== undefined && found !== undefined && sameSpec(found, spec)) continue;
    const [is, was] = [found, spec].map((each) =>
      each === undefined ? 'missing' : formatSpec(each),
    );
    throw new PolyakError(
      'ERR_PARAMETERS',
      `collect: "${name}" is ${is}, it was ${was} when this SWAG was made. Make a new one for a ` +
        'new model.',
    );
  }
}

/** A copy of a prediction, refused where averaging it would make nonsense. */
function checkedPrediction(
  predicted: ArrayLike<number>,
  sample: number,
  length?: number,
): Float64Array {
  const call = 'bayesianModelAverage';
  if (typeof predicted?.length !== 'number') {
    throw new TypeError(
      `${call}: predict returned no list of numbers. Return an array, such as a tensor's data.`,
    );
  }
  if (length !== undefined && predicted.length !== length) {
    throw new RangeError(
      `${call}: predict returned ${predicted.length} numbers for sample ${sample}, ${length} ` +
        'before.',
    );
  }
  const copy = Float64Array.from(predicted);
  const bad = copy.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return copy;
  throw new PolyakError(
    'ERR_NON_FINITE',
    `${call}: predict returned ${String(predicted[bad])} as number ${bad} for sample ${sample}.`,
  );
}
