// What a visitor decides: before a run, and while it runs.
import type { TaskName } from '../task/task.js';
import { plans, stepsPerEpoch } from '../task/task.js';
import type { RuleName } from './rules.js';

/** What stays the same in a run. */
export type Settings = {
  readonly task: TaskName;
  readonly seed: number;
  /** The share of training labels that are drawn at random, 0 to 1. */
  readonly noise: number;
};

/** What can change while a run goes on. */
export type Controls = {
  readonly rate: number;
  /** The epochs before averaging starts. A new number starts the averages anew. */
  readonly swaStart: number;
  /** The steps between two updates of the averages. */
  readonly swaFreq: number;
  /** Which of the averages is shown. */
  readonly rule: RuleName;
};

export const defaultSettings: Readonly<Record<TaskName, Settings>> = {
  spirals: { task: 'spirals', seed: 2, noise: 0.3 },
  mnist: { task: 'mnist', seed: 1, noise: 0.2 },
};

/** The controls that suit a task. */
export function defaultControls(task: TaskName): Controls {
  const { rate, swaStart } = plans[task];
  return { rate, swaStart, swaFreq: stepsPerEpoch(task), rule: 'equal' };
}
