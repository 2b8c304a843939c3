// Which checkpoints are kept: the last ones and the best ones.
import type { SavedCheckpoint } from './saved-checkpoint.js';

/** How many checkpoints are kept. */
export interface Retention {
  readonly maxToKeep: number;
  readonly saveTopK: number;
  readonly mode: 'min' | 'max';
}

/** The checkpoints that are neither among the last ones nor among the best ones. */
export function surplusOf(
  saved: readonly SavedCheckpoint[],
  { maxToKeep, saveTopK, mode }: Retention,
): readonly SavedCheckpoint[] {
  const latest = [...saved];
  latest.sort((a, b) => b.step - a.step);
  const kept = new Set([...latest.slice(0, maxToKeep), ...ranked(saved, mode).slice(0, saveTopK)]);
  return saved.filter((one) => !kept.has(one));
}

/** The checkpoints with a metric, the best first. Of equal ones, the earlier is the better. */
export function ranked(
  saved: readonly SavedCheckpoint[],
  mode: Retention['mode'],
): readonly SavedCheckpoint[] {
  const sign = mode === 'min' ? 1 : -1;
  const valueOf = ({ metric = Number.NaN }: SavedCheckpoint): number => sign * metric;
  const measured = saved.filter((one) => !Number.isNaN(valueOf(one)));
  measured.sort((a, b) => compare(valueOf(a), valueOf(b)) || a.step - b.step);
  return measured;
}

/** Unlike a difference, this also orders infinities. */
function compare(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
