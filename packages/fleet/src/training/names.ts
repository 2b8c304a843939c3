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
  /**
   * When the jobs of the round were added, by the clock of Redis, in milliseconds since 1970.
   * Undefined where this is not known to have happened.
   */
  readonly begun?: number;
}

/** What a job is for, for messages. */
export function titleOf(job: TrainJob | CombineJob): string {
  const round = `run "${job.run}", round ${job.round}`;
  return job.kind === 'train' ? `${round}, worker ${job.worker}` : round;
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
  /** The record of the run that an id names. */
  run: (run: string): string => `runs/${run}/run.json`,
  /** Everything else, apart from what an earlier run of the same id may still write. */
  folder: ({ run, instance }: RunName): string => `runs/${run}/${instance}/`,
  /** The decision about who took part in a round. */
  closed: (name: RunName, round: number): string => `${roundFolder(name, round)}closed.json`,
  /** The decision about how a round ended. */
  end: (name: RunName, round: number): string => `${roundFolder(name, round)}end.json`,
  contributions: (name: RunName, round: number): string =>
    `${roundFolder(name, round)}contributions/`,
  contribution: (name: RunName, round: number, worker: number): string =>
    `${keyOf.contributions(name, round)}${worker}.json`,
  /** Named by its bytes: of two that a worker made, each keeps its own. */
  contributed: (name: RunName, round: number, worker: number, sha256: string): string =>
    `${keyOf.contributions(name, round)}${worker}-${sha256}.safetensors`,
  states: (name: RunName, round: number): string => `${roundFolder(name, round)}states/`,
  state: (name: RunName, round: number, worker: number, sha256: string): string =>
    `${keyOf.states(name, round)}${worker}-${sha256}.safetensors`,
  /** What so many rounds have made; before the first round, what the run was given. */
  after: (name: RunName, rounds: number): string => `${keyOf.folder(name)}after/${rounds}/`,
  weights: (name: RunName, rounds: number, sha256: string): string =>
    `${keyOf.after(name, rounds)}weights-${sha256}.safetensors`,
  momentum: (name: RunName, rounds: number, sha256: string): string =>
    `${keyOf.after(name, rounds)}momentum-${sha256}.safetensors`,
};

function roundFolder(name: RunName, round: number): string {
  return `${keyOf.folder(name)}rounds/${round}/`;
}

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
