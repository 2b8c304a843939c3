// The data of a task, in a browser.
import digitsUrl from '../../data/digits.bin?url';
import type { Settings } from '../training/settings.js';
import { digits } from './digits.js';
import { spirals } from './spirals.js';
import type { Task } from './task.js';

/** The data that a run sees. */
export async function loadTask({ task, seed, noise }: Settings): Promise<Task> {
  if (task === 'spirals') return spirals(seed, noise);
  const response = await fetch(digitsUrl);
  return digits(new Uint8Array(await response.arrayBuffer()), seed, noise);
}
