export type { SignalOptions } from './signal.js';
export type { SnapshotFiles } from './snapshots/file-store.js';
export type { FittedWeights, FitWeightsOptions } from './snapshots/fit-weights.js';
export { fitWeights } from './snapshots/fit-weights.js';
export { meanOf } from './snapshots/mean-of.js';
export type { Probabilities } from './snapshots/probabilities.js';
export { isRateMinimum } from './snapshots/rate-minimum.js';
export type { SnapshotsOptions } from './snapshots/snapshots.js';
export { Snapshots } from './snapshots/snapshots.js';
export { vote } from './snapshots/vote.js';
export type { ChosenStart } from './soups/choose-start.js';
export { chooseStart } from './soups/choose-start.js';
export type { GreedySoup } from './soups/greedy-soup.js';
export { greedySoup } from './soups/greedy-soup.js';
export type { SoupMemberOptions } from './soups/soup.js';
export { Soup } from './soups/soup.js';
export type { SoupState } from './soups/soup-state.js';
export type {
  ModelAverageOptions,
  SampleOptions,
  SWAGOptions,
  WithSampleOptions,
} from './swag/swag.js';
export { SWAG } from './swag/swag.js';
export type { SWAGState } from './swag/swag-state.js';
