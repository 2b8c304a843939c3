// Words and numbers as table and page print them.
import type { RowLabel } from '../row.js';
import { isTooNoisy } from '../measure/spread.js';
import type { Spread } from '../measure/spread.js';
import type { Result, SkippedRows } from '../result.js';

const UNITS: readonly (readonly [number, string])[] = [
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
];

/** A count of at most three digits with its unit: 6250, 100k, 10M. */
export function formatCount(count: number): string {
  const [unit, suffix] = (count >= 1e4 && UNITS.find(([size]) => count >= size)) || [1, ''];
  return `${Number((count / unit).toPrecision(3))}${suffix}`;
}

/** The elements, how many tensors they are in where there are several, and updates made before. */
export function formatSize({ elements, tensors, growth }: RowLabel): string {
  const count = formatCount(elements);
  const size = tensors === 1 ? count : `${count} in ${formatCount(tensors)}`;
  return growth?.by === 'update' ? `${size}, after ${formatCount(growth.at)}` : size;
}

/** CPU time per element, unless its spread is too wide or the row counts updates or tensors. */
export function nanosecondsPerElement({ row, timing }: Result): number | undefined {
  const isCounted = row.growth !== undefined && row.growth.by !== 'weight';
  return isTooNoisy(timing) || isCounted ? undefined : timing.nanoseconds / row.elements;
}

/** A ratio: two decimals, or two digits where it is small. */
function formatNumber(ratio: number): string {
  return ratio < 0.1 ? `${Number(ratio.toPrecision(2))}` : ratio.toFixed(2);
}

/** The ratio, unless its spread is too wide. */
export function formatRatio(spread: Spread): string {
  return isTooNoisy(spread) ? 'too noisy' : formatNumber(spread.ratio);
}

/** The quartiles of the ratio. */
export function formatQuartiles({ quartiles }: Spread): string {
  return quartiles.map(formatNumber).join('-');
}

/** What was skipped, and why. */
export function formatSkipped({ runtime, name, reason }: SkippedRows): string {
  return `Skipped: ${name === undefined ? runtime : `${runtime}, ${name}`}: ${reason}`;
}
