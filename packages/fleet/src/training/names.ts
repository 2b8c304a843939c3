// The names of a run: its queues and jobs in Redis, and its objects in the store.

/** The queue of the jobs that train, each in a process of its own. */
export const TRAINING_QUEUE = 'polyak-training';
/** The queue of the jobs that decide about rounds. */
export const ROUNDS_QUEUE = 'polyak-rounds';

/** Names a run in Redis, where jobs of an earlier run of the same id may be left. */
export interface RunName {
  /** The id of the run. */
  readonly run: string;
  /** Tells it from others of that id. */
  readonly instance: string;
}

/** The data of a job that trains one worker for one round. */
export interface TrainJob extends RunName {
  readonly kind: 'train';
  readonly round: number;
  readonly worker: number;
}

/** The data of a job that computes what comes of a round. */
export interface CombineJob extends RunName {
  readonly kind: 'combine';
  readonly round: number;
}

/** The data of a job that decides about a round. */
export interface RoundJob extends RunName {
  readonly round: number;
  /** When the jobs of the round had been added, in milliseconds since 1970. */
  readonly begun?: number;
}

/** The ids of jobs: a job that is added again under its id stays the one that it is. */
export const jobId = {
  round: ({ run, instance }: RunName, round: number): string => `${run}-${instance}-round-${round}`,
  train: (name: RunName, round: number, worker: number): string =>
    `${jobId.round(name, round)}-${worker}`,
  combine: (name: RunName, round: number): string => `${jobId.round(name, round)}-combine`,
};

/** The keys of a run's objects. Those that end in `/` are prefixes. */
export const keyOf = {
  run: (run: string): string => `runs/${run}/run.json`,
  cancelled: (run: string): string => `runs/${run}/cancelled.json`,
  /** The decision about a round. */
  closed: (run: string, round: number): string => `runs/${run}/rounds/${round}/closed.json`,
  result: (run: string, round: number): string => `runs/${run}/rounds/${round}/result.json`,
  /** What a round starts from. */
  start: (run: string, round: number): string => `runs/${run}/rounds/${round}/start/`,
  momentum: (run: string, round: number): string =>
    `${keyOf.start(run, round)}momentum.safetensors`,
  /** The weights at the start of a round; after the last round, the result of the run. */
  weights: (run: string, round: number, rounds: number): string =>
    round === rounds
      ? `runs/${run}/weights.safetensors`
      : `${keyOf.start(run, round)}weights.safetensors`,
  contributions: (run: string, round: number): string =>
    `runs/${run}/rounds/${round}/contributions/`,
  contribution: (run: string, round: number, worker: number): string =>
    `${keyOf.contributions(run, round)}${worker}.json`,
  /** Named by its bytes: of two that a worker made, each keeps its own. */
  contributed: (run: string, round: number, worker: number, sha256: string): string =>
    `${keyOf.contributions(run, round)}${worker}-${sha256}.safetensors`,
  states: (run: string, round: number): string => `runs/${run}/rounds/${round}/states/`,
  state: (run: string, round: number, worker: number, sha256: string): string =>
    `${keyOf.states(run, round)}${worker}-${sha256}.safetensors`,
};

/**
 * Throws unless `run` can be a part of keys and of the ids of jobs.
 *
 * @throws RangeError where it cannot
 */
export function requireRunId(call: string, run: string): void {
  if (typeof run === 'string' && /^[a-z0-9][\w.-]{0,99}$/i.test(run)) return;
  throw new RangeError(
    `${call}: the id is ${JSON.stringify(run)}, expected at most 100 letters, digits, "-", "_" ` +
      'and ".", beginning with a letter or digit.',
  );
}
