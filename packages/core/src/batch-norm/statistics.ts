// Reads and writes the running statistics of batch-norm layers.
import { wait } from '../steps/steps.js';
import type { Steps } from '../steps/steps.js';
import type { Transaction } from '../steps/transaction.js';
import type { BatchNormLayer, RunningStatistics } from '../batch-norm.js';

/** Reads the running statistics of `layers`, in order. */
export function* readStatistics(
  layers: readonly BatchNormLayer[],
): Steps<readonly RunningStatistics[]> {
  const statistics: RunningStatistics[] = [];
  for (const layer of layers) statistics.push(yield* wait(layer.read()));
  return statistics;
}

/** Writes the running statistics of all `layers`, and restores the old ones on a failure. */
export function* putStatistics(
  transaction: Transaction,
  layers: readonly BatchNormLayer[],
  statistics: readonly RunningStatistics[],
): Steps<void> {
  const before = yield* readStatistics(layers);
  transaction.undo(() => writeStatistics(layers, before));
  yield* writeStatistics(layers, statistics);
}

/** Writes the running statistics of `layers`, one after the other. */
export function* writeStatistics(
  layers: readonly BatchNormLayer[],
  statistics: readonly RunningStatistics[],
): Steps<void> {
  for (const [index, layer] of layers.entries()) {
    yield* wait(layer.write(statistics[index] as RunningStatistics));
  }
}
