// Batch-norm update: the running statistics that belong to the averaged weights, merged in float64.
import type { Awaitable } from '../awaitable.js';
import type { BatchNormLayer, BatchNormModel, Moments, RunningStatistics } from '../batch-norm.js';
import { described, requireFunction, requireOptions } from '../arguments.js';
import { drive } from '../steps/steps.js';
import { transaction } from '../steps/transaction.js';
import { PolyakError } from '../error.js';
import { putStatistics } from './statistics.js';

/** Batches, as an array, a generator or anything else that `for await` reads. */
export type Loader<Batch> = Iterable<Awaitable<Batch>> | AsyncIterable<Batch>;

/**
 * How the statistics of batches become running statistics:
 *
 * - `cumulative`: the mean over batches, weighed by their numbers of samples, of batch means and
 *   batch variances (torchcontrib's `bn_update`).
 * - `unweighted`: the plain mean over batches (`torch.optim.swa_utils.update_bn`).
 * - `pooled`: mean and population variance of all values together, by the law of total variance, so
 *   that the partition into batches does not matter.
 */
export type BnStatistics = 'cumulative' | 'unweighted' | 'pooled';

/** Options of {@link bnUpdate}. */
export interface BnUpdateOptions {
  /** Default `cumulative`. */
  readonly statistics?: BnStatistics;
  /**
   * Which layers to update, such as `(layer) => layer.trainable`; the others keep and use theirs.
   * Default all.
   */
  readonly include?: (layer: BatchNormLayer) => boolean;
  /** Reads at most this many batches, an integer >= 1. Default all. */
  readonly maxBatches?: number;
}

/** A model's batch norm, and the batches that update it: what `SWA.withAveraged` needs. */
export interface AveragedBatchNorm<Batch> extends BnUpdateOptions {
  /** The batch norm of the model. */
  readonly model: BatchNormModel<Batch>;
  /** Training batches. */
  readonly loader: Loader<Batch>;
}

/**
 * Estimates the running statistics of every batch-norm layer anew, with the weights the model has
 * now, in one pass over `loader`. Averaged weights need it: the statistics in the model belong to
 * the weights it was trained with.
 *
 * Everything is written at the end, so a loader or model that throws leaves the model as it was.
 * Without batch-norm layers it returns without touching the loader.
 *
 * @param loader - batches; a one-shot generator can be read once only
 * @param model - the live model, from a backend's `batchNormModel`
 * @param options - see {@link BnUpdateOptions}
 * @throws PolyakError `ERR_EMPTY_LOADER` where the loader gives no batch
 * @throws PolyakError `ERR_BATCH_NORM` where statistics cannot be merged: a batch of no samples,
 *   one value a channel where an unbiased variance is asked for, moments that are missing
 * @throws PolyakError `ERR_NON_FINITE` where activations overflow or are NaN; names the layer
 * @throws RangeError where `maxBatches` is not an integer >= 1
 * @see Izmailov et al. 2018, https://arxiv.org/abs/1803.05407, section 3.2;
 * torchcontrib.optim.SWA.bn_update
 */
export async function bnUpdate<Batch>(
  loader: Loader<Batch>,
  model: BatchNormModel<Batch>,
  options: BnUpdateOptions = {},
): Promise<void> {
  requireModel('bnUpdate', model);
  requireLoader('bnUpdate', loader);
  requireOptions('bnUpdate', options, BN_OPTIONS);
  const { statistics = 'cumulative', include = () => true, maxBatches = Infinity } = options;
  requireFunction('bnUpdate', 'include', include);
  if (!['cumulative', 'unweighted', 'pooled'].includes(statistics)) {
    throw new RangeError(
      `bnUpdate: statistics is "${statistics}", expected "cumulative", "unweighted" or "pooled".`,
    );
  }
  if (maxBatches !== Infinity && !(Number.isInteger(maxBatches) && maxBatches >= 1)) {
    throw new RangeError(`bnUpdate: maxBatches is ${maxBatches}, expected an integer >= 1.`);
  }
  const layers = model.layers.filter(include);
  if (layers.length === 0) return;

  const merged = layers.map(({ channels }) => emptyMerge(channels));
  let batches = 0;
  for await (const batch of loader) {
    const samples = model.sampleCount(batch);
    if (!(samples > 0 && samples < Infinity)) {
      throw new PolyakError('ERR_BATCH_NORM', `bnUpdate: batch ${batches} has ${samples} samples.`);
    }
    const moments = await model.batchMoments(batch, layers);
    layers.forEach((layer, index) => {
      const checked = checkedMoments(layer, moments[index], batches);
      mergeInto(merged[index] as Merge, layer, checked, statistics, samples);
    });
    batches += 1;
    if (batches >= maxBatches) break;
  }
  if (batches === 0) {
    throw new PolyakError(
      'ERR_EMPTY_LOADER',
      'bnUpdate: the loader gave no batch, the statistics are as they were. A generator can be ' +
        'read once only: pass an array or an object with [Symbol.iterator].',
    );
  }
  await drive(
    transaction('bnUpdate', noWarning, (current) => putStatistics(current, layers, merged)),
  );
}

const BN_OPTIONS = ['statistics', 'include', 'maxBatches'];

/**
 * Refuses what is no {@link AveragedBatchNorm}.
 *
 * @throws TypeError
 */
export function requireBatchNorm<Batch>(call: string, batchNorm: AveragedBatchNorm<Batch>): void {
  requireOptions(`${call}: batchNorm`, batchNorm, ['model', 'loader', ...BN_OPTIONS]);
  requireModel(`${call}: batchNorm`, batchNorm.model);
  requireLoader(`${call}: batchNorm`, batchNorm.loader);
}

function requireModel<Batch>(call: string, model: BatchNormModel<Batch>): void {
  // What JavaScript passes may be anything.
  const given = (model ?? {}) as Partial<BatchNormModel<Batch>>;
  const { layers, batchMoments, sampleCount } = given;
  const hasMethods = typeof batchMoments === 'function' && typeof sampleCount === 'function';
  if (hasMethods && Array.isArray(layers)) return;
  throw new TypeError(
    `${call}: the model is ${described(model)} without batch norm. Pass the backend's, such as ` +
      'batchNormModel(model).',
  );
}

function requireLoader<Batch>(call: string, loader: Loader<Batch>): void {
  const given: unknown = loader;
  const isIterable =
    typeof given === 'object' &&
    given !== null &&
    (Symbol.iterator in given || Symbol.asyncIterator in given);
  if (isIterable) return;
  throw new TypeError(
    `${call}: the loader is ${described(loader)}. Expected batches that for await reads, such as ` +
      'an array.',
  );
}

/** Nothing is freed here that could fail to be. */
function noWarning(): void {}

interface Merge extends RunningStatistics {
  weight: number;
}

function emptyMerge(channels: number): Merge {
  return { mean: new Float64Array(channels), variance: new Float64Array(channels), weight: 0 };
}

/**
 * Running weighted means; `pooled` also adds the variance between what is merged so far and this
 * batch (Chan et al. 1979).
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
  if (moments?.mean.length !== layer.channels || moments.variance.length !== layer.channels) {
    throw new PolyakError(
      'ERR_BATCH_NORM',
      `${where}: no moments for its ${layer.channels} channels.`,
    );
  }
  const { mean, variance, count } = moments;
  const fewest = layer.varianceKind === 'unbiased' ? 2 : 1;
  if (!(count >= fewest)) {
    throw new PolyakError(
      'ERR_BATCH_NORM',
      `${where}: ${count} values a channel, expected at least ${fewest}.`,
    );
  }
  const channel = mean.findIndex(
    (value, c) => !Number.isFinite(value) || !((variance[c] as number) < Infinity),
  );
  if (channel >= 0) {
    throw new PolyakError(
      'ERR_NON_FINITE',
      `${where}: channel ${channel} has mean ${mean[channel]} and variance ${variance[channel]}. ` +
        'The statistics are as they were.',
    );
  }
  return moments;
}
