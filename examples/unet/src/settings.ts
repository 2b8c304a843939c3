// What a run does, in numbers.

/** Everything that decides the outcome of one seed. */
export interface Settings {
  readonly seed: number;
  /** Pictures to train on. */
  readonly pictures: number;
  readonly batchSize: number;
  /** Cycles of the learning rate. */
  readonly cycles: number;
  /** Passes over the training pictures in each cycle. */
  readonly cycleEpochs: number;
  /** The learning rate at the bottom of a cycle. */
  readonly baseLr: number;
  /** The learning rate at the top of a cycle. */
  readonly maxLr: number;
  /** How many of the last cycles are averaged, and make the ensemble. */
  readonly members: number;
}

export const MOMENTUM = 0.9;
/** Filters of the first level of the network; each level down has twice as many. */
export const WIDTH = 4;
/** How often the network halves the pictures. */
export const DEPTH = 3;

/** Steps of a pass over the training pictures. */
export function stepsPerEpoch({ pictures, batchSize }: Settings): number {
  return Math.floor(pictures / batchSize);
}

/** Steps from one bottom of the learning rate to the next. */
export function cycleSteps(settings: Settings): number {
  return settings.cycleEpochs * stepsPerEpoch(settings);
}

/** Steps of a run. The rate begins at a bottom, so the step at the last one is one more. */
export function totalSteps(settings: Settings): number {
  return settings.cycles * cycleSteps(settings) + 1;
}
