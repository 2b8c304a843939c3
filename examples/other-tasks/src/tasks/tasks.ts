// All tasks, by name.
import { fashion } from './fashion.js';
import { stress } from './stress.js';
import { strikes } from './strikes.js';
import type { Task } from './task.js';

/** In the order of the report. */
export const TASKS: readonly Task[] = [fashion, strikes, stress];
