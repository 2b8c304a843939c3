// The state of the page.
import type { Remote } from 'comlink';
import type { Task } from '../task/task.js';
import type { View } from '../view.js';
import type { Trainer } from '../worker/worker.js';

/** What a visitor looks at. */
export interface Page {
  readonly trainer: Remote<Trainer>;
  view: View;
  task: Task | undefined;
  /** The epoch of the scrubber; the last one, where it follows the run. */
  epoch: number;
  snapshots: readonly number[];
  draw(): void;
}
