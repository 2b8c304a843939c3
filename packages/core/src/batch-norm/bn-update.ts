// Batch-norm update: the running statistics of the averaged weights, merged in float64.
import type { Awaitable } from '../awaitable.js';
import type { BatchNormLayer, BatchNormModel, Moments, RunningStatistics } from '../batch-norm.js';
import {
  described,
  requireFunction,
  requireMembers,
  requireOptions,
  requireSignal,
  requireWord,
} from '../arguments.js';
import { requirePolicy } from '../non-finite.js';
import type { NonFinitePolicy } from '../non-finite.js';
import { abortInTurns } from '../steps/abort.js';
import { drive } from '../steps/steps.js';
import { transaction } from '../steps/transaction.js';
import { warnerOf } from '../steps/warn.js';
import { PolyakError } from '../error.js';
import { putStatistics } from './statistics.js';

/** Batches: an array, a generator, or anything else that `for await` can read. */
export type Loader<Batch> = Iterable<Awaitable<Batch>> | AsyncIterable<Batch>;

/**
 * How batch statistics are merged into running statistics:
 *
 * - `cumulative`: the means of batch means and batch variances, weighted by batch size
 *   (torchcontrib's `bn_update`).
 * - `unweighted`: the same without weights (`torch.optim.swa_utils.update_bn`).
 * - `pooled`: the mean and population variance of all values together, by the law of total
 *   variance. The result does not depend on the partition into batches.
 */
export type BnStatistics = 'cumulative' | 'unweighted' | 'pooled';

/** Options of {@link bnUpdate}. */
export interface BnUpdateOptions {
  /** Default `cumulative`. */
  readonly statistics?: BnStatistics;
  /**
   * Which layers to update, such as `(layer) => layer.trainable`; the others keep their statistics
   * and normalise by them. Default: all.
   */
  readonly include?: (layer: BatchNormLayer) => boolean;
  /** Reads at most this many batches, an integer >= 1. Default: all. */
  readonly maxBatches?: number;
  /**
   * How a batch whose activations are not finite is handled; see {@link NonFinitePolicy}. A skipped
   * batch counts towards `maxBatches`, and a warning says how many were skipped. Default `refuse`.
   */
  readonly nonFinite?: NonFinitePolicy;
  /**
   * An `AbortSignal`. Once it is aborted, its reason is thrown: before the next batch, after the
   * pass that is under way, or after the statistics are written, which are then put back.
   */
  readonly signal?: {
    /** Throws the reason, once it is aborted. */
    throwIfAborted(): void;
  };
  /** Receives warnings. Default `console.warn`. */
  readonly onWarning?: (message: string) => void;
}

/** A model's batch norm and the batches that update it, for a swap. */
export interface AveragedBatchNorm<Batch> extends BnUpdateOptions {
  /** The batch norm of the model. */
  readonly model: BatchNormModel<Batch>;
  /** Training batches. */
  readonly loader: Loader<Batch>;
}

/**
 * Estimates the running statistics of every batch-norm layer for the weights that the model holds
 * now, in one pass over `loader`. Averaged weights need this, because the model's statistics belong
 * to the weights of its training.
 *
 * The statistics are written at the end, so nothing changes if the loader or the model throws. If
 * the model has no batch-norm layers, the loader is not read.
 *
 * @param loader - the batches; a generator can be read only once
 * @param model - the live model, from a backend's `batchNormModel`
 * @param options - see {@link BnUpdateOptions}
 * @throws PolyakError `ERR_EMPTY_LOADER` if the loader yields no batch
 * @throws PolyakError `ERR_BATCH_NORM` if statistics cannot be merged: a batch without samples, one
 *   value per channel for an unbiased variance, or missing moments
 * @throws PolyakError `ERR_NON_FINITE` if activations overflow or are NaN; the message names the
 *   layer
 * @throws RangeError if `maxBatches` is not an integer >= 1
 * @throws the reason of `signal` if it is aborted
 * @see Izmailov et al. 2018, https://arxiv.org/abs/1803.05407, section 3.2;
 *   torchcontrib.optim.SWA.bn_update
 */
export async function bnUpdate<Batch>(
  loader: Loader<Batch>,
  model: BatchNormModel<Batch>,
  options: BnUpdateOptions = {},
): Promise<void> {
  const known = requireOptions('bnUpdate', options, BN_OPTIONS);
  const given = requireBatchNorm('bnUpdate', { model, loader, ...known });
  const { statistics = 'cumulative', include = () => true, maxBatches = Infinity } = given;
  const { nonFinite = 'refuse', signal } = given;
  signal?.throwIfAborted();
  const abort = abortInTurns(signal);
  const warn = warnerOf('bnUpdate', given.onWarning);
  const layers = model.layers.filter(include);
  if (layers.length === 0) return;

  const merged = layers.map(({ channels }) => emptyMerge(channels));
  const skipped: string[] = [];
  let batches = 0;
  for await (const batch of loader) {
    await abort();
    const samples = model.sampleCount(batch);
    if (!(Number.isFinite(samples) && samples > 0)) {
      const found = described(samples);
      throw new PolyakError('ERR_BATCH_NORM', `bnUpdate: batch ${batches} has ${found} samples.`);
    }
    const moments = Object(await model.batchMoments(batch, layers)) as readonly Moments[];
    await abort();
    const checked = layers.map((layer, n) => checkedMoments(layer, moments[n], batches));
    const problem = layers
      .map((layer, n) => nonFiniteChannel(layer, checked[n] as Moments))
      .find((channel) => channel !== undefined);
    if (problem === undefined || nonFinite === 'allow') {
      layers.forEach((layer, n) => {
        mergeInto(merged[n] as Merge, layer, checked[n] as Moments, statistics, samples);
      });
    } else {
      const message = `bnUpdate: batch ${batches}, ${problem}.`;
      if (nonFinite === 'refuse') {
        throw new PolyakError('ERR_NON_FINITE', `${message} The statistics are unchanged.`);
      }
      skipped.push(message);
    }
    batches += 1;
    if (batches >= maxBatches) break;
  }
  if (skipped.length > 0) warn(`${skipped[0]} Skipped ${skipped.length} of ${batches} batches.`);
  if (batches === skipped.length) {
    throw new PolyakError(
      'ERR_EMPTY_LOADER',
      `bnUpdate: the loader gave no batch${batches > 0 ? ' that is finite' : ''}, the statistics ` +
        'are as they were. A generator can be read once only: pass an array or an object with ' +
        '[Symbol.iterator].',
    );
  }
  await drive(
    transaction('bnUpdate', warn, function* (current) {
      yield* putStatistics(current, layers, merged);
      signal?.throwIfAborted();
    }),
  );
}

const MODEL_REMEDY = "Pass the backend's, such as batchNormModel(model).";
const BN_OPTIONS = ['statistics', 'include', 'maxBatches', 'nonFinite', 'signal', 'onWarning'];

/** The option `batchNorm` of a call, read once and checked. */
export function checkedBatchNorm<Batch>(
  call: string,
  batchNorm: AveragedBatchNorm<Batch> | undefined,
): AveragedBatchNorm<Batch> | undefined {
  return batchNorm === undefined ? undefined : requireBatchNorm(`${call}: batchNorm`, batchNorm);
}

/** Throws unless `batchNorm` is an {@link AveragedBatchNorm}; returns what it has. */
function requireBatchNorm<Batch>(
  call: string,
  batchNorm: AveragedBatchNorm<Batch>,
): AveragedBatchNorm<Batch> {
  const given = requireOptions(call, batchNorm, ['model', 'loader', ...BN_OPTIONS]);
  const { model, statistics, include, maxBatches, nonFinite, signal } = given;
  const loader: unknown = given.loader;
  requireMembers(
    `${call}: the model`,
    model,
    { layers: 'an array', batchMoments: 'a function', sampleCount: 'a function' },
    MODEL_REMEDY,
  );
  for (const layer of model.layers) {
    const layerMembers = { name: 'a name', read: 'a function', write: 'a function' } as const;
    requireMembers(`${call}: a layer of the model`, layer, layerMembers, MODEL_REMEDY);
  }
  const isObject = typeof loader === 'object' && loader !== null;
  if (!isObject || !(Symbol.iterator in loader || Symbol.asyncIterator in loader)) {
    throw new TypeError(
      `${call}: the loader is ${described(loader)}. Expected batches that for await reads, such ` +
        'as an array. On TensorFlow.js, batchLoader takes a dataset or a generator function.',
    );
  }
  if (include !== undefined) requireFunction(call, 'include', include);
  if (nonFinite !== undefined) requirePolicy(call, nonFinite);
  requireSignal(call, signal);
  if (statistics !== undefined) {
    requireWord(call, 'statistics', statistics, ['cumulative', 'unweighted', 'pooled']);
  }
  if (maxBatches === undefined || maxBatches === Infinity) return given;
  if (!(Number.isInteger(maxBatches) && maxBatches >= 1)) {
    const found = described(maxBatches);
    throw new RangeError(`${call}: maxBatches is ${found}, expected an integer >= 1.`);
  }
  return given;
}

interface Merge extends RunningStatistics {
  weight: number;
}

function emptyMerge(channels: number): Merge {
  return { mean: new Float64Array(channels), variance: new Float64Array(channels), weight: 0 };
}

/**
 * Updates weighted means; `pooled` also adds the variance between the merged batches and this one
 * (Chan et al. 1979).
 */
function mergeInto(
  merged: Merge,
  layer: BatchNormLayer,
  { mean, variance, count }: Moments,
  statistics: BnStatistics,
  samples: number,
): void {
  const weight = { cumulative: samples, unweighted: 1, pooled: count }[statistics];
  const correction =
    statistics !== 'pooled' && layer.varianceKind === 'unbiased' ? count / (count - 1) : 1;
  merged.weight += weight;
  const share = weight / merged.weight;
  for (let c = 0; c < layer.channels; c += 1) {
    const meanStep = (mean[c] as number) - (merged.mean[c] as number);
    const old = merged.variance[c] as number;
    const between = statistics === 'pooled' ? meanStep * meanStep * share * (1 - share) : 0;
    merged.mean[c] = (merged.mean[c] as number) + meanStep * share;
    merged.variance[c] = old + ((variance[c] as number) * correction - old) * share + between;
  }
}

function checkedMoments(
  layer: BatchNormLayer,
  moments: Moments | undefined,
  batch: number,
): Moments {
  const where = `bnUpdate: batch ${batch}, layer "${layer.name}"`;
  const { mean, variance, count } = Object(moments) as Partial<Moments>;
  if (!isOfLength(mean, layer.channels) || !isOfLength(variance, layer.channels)) {
    throw new PolyakError(
      'ERR_BATCH_NORM',
      `${where}: the model returned no Float64Arrays for its ${layer.channels} channels.`,
    );
  }
  const fewest = layer.varianceKind === 'unbiased' ? 2 : 1;
  if (typeof count !== 'number' || !(count >= fewest)) {
    throw new PolyakError(
      'ERR_BATCH_NORM',
      `${where}: ${described(count)} values per channel, expected at least ${fewest}.`,
    );
  }
  return { mean, variance, count };
}

function isOfLength(values: Float64Array | undefined, length: number): values is Float64Array {
  return values instanceof Float64Array && values.length === length;
}

/** Describes the first channel of a layer whose moments are not finite, if any. */
function nonFiniteChannel(
  { name }: BatchNormLayer,
  { mean, variance }: Moments,
): string | undefined {
  const channel = mean.findIndex(
    (value, c) => !Number.isFinite(value) || !((variance[c] as number) < Infinity),
  );
  if (channel < 0) return undefined;
  const found = `mean ${mean[channel]} and variance ${variance[channel]}`;
  return `layer "${name}": channel ${channel} has ${found}`;
}
