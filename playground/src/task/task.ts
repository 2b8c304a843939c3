// What a task gives the training: its data, and the numbers that suit it.

/** Inputs of shape [count, features] and one class for each. */
export interface Examples {
  readonly inputs: Float32Array;
  readonly labels: Uint8Array;
  readonly count: number;
}

/** A classification problem: a clean test set, and training data whose labels may be wrong. */
export interface Task {
  readonly name: TaskName;
  readonly features: number;
  readonly classes: number;
  readonly train: Examples;
  readonly test: Examples;
}

export type TaskName = 'spirals' | 'mnist';

/** The numbers of a run that the task decides. */
export interface TaskPlan {
  readonly trainCount: number;
  readonly batchSize: number;
  readonly epochs: number;
  readonly rate: number;
  /** The epochs before averaging starts. */
  readonly swaStart: number;
  readonly hasBatchNorm: boolean;
  /** The largest distance at which the flatness is measured. */
  readonly radius: number;
}

export const plans: Readonly<Record<TaskName, TaskPlan>> = {
  spirals: {
    trainCount: 300,
    batchSize: 16,
    epochs: 120,
    rate: 0.3,
    swaStart: 40,
    hasBatchNorm: false,
    radius: 6,
  },
  mnist: {
    trainCount: 1000,
    batchSize: 32,
    epochs: 40,
    rate: 0.1,
    swaStart: 15,
    hasBatchNorm: true,
    radius: 12,
  },
};

/** The steps of an epoch: a last batch that is not full is left out. */
export function stepsPerEpoch(task: TaskName): number {
  const { trainCount, batchSize } = plans[task];
  return Math.floor(trainCount / batchSize);
}
