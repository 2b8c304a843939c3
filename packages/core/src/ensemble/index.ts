export type { SnapshotFiles } from './file-store.js';
export type { FittedWeights, FitWeightsOptions } from './fit-weights.js';
export { fitWeights } from './fit-weights.js';
export { meanOf } from './mean-of.js';
export type { Probabilities } from './probabilities.js';
export { isRateMinimum } from './rate-minimum.js';
export type { SnapshotsOptions } from './snapshots.js';
export { Snapshots } from './snapshots.js';
export { vote } from './vote.js';
