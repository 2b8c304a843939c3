export type { Fleet } from './fleet.js';
export type { FleetMerge, FleetMergeOptions } from './merge/merge-by-fleet.js';
export { mergeByFleet } from './merge/merge-by-fleet.js';
export { folderStore } from './store/folder-store.js';
export type { Store } from './store/store.js';
export type { FleetWorker, FleetWorkerOptions } from './worker.js';
export { startWorker } from './worker.js';
export type {
  Contribution,
  Json,
  Settings,
  TrainingModule,
  TrainRequest,
  WeightsRequest,
} from './training/module.js';
export { diloco, localSgd, swap, sweepSoup } from './training/plan.js';
export type {
  DilocoOptions,
  LocalSgdOptions,
  QuorumOptions,
  SwapPlanOptions,
  SweepSoupOptions,
} from './training/plan.js';
export type {
  Absentee,
  ContributionRecord,
  Member,
  ObjectReference,
  RoundRecord,
  RoundResult,
  WorkerState,
} from './training/record.js';
export type { Combine, RoundPlan } from './training/round-plan.js';
export { startRun } from './training/run.js';
export type { RoundProgress, Run, RunOptions, RunResult, WaitOptions } from './training/run.js';
