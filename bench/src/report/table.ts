// The table as text, one line a row.
import { isTooNoisy } from '../measure/spread.js';
import type { Result } from '../result.js';

const HEADER = [
  'work',
  'operation',
  'elements',
  'ratio',
  'to',
  'quartiles',
  'pairs',
  'target',
  'ns/element',
  'GB/s',
];
/** Columns of words, which are aligned to the left. */
const WORDS = new Set(['work', 'operation', 'to']);

/**
 * Lines up the results.
 *
 * @param results - in the order of the table
 * @returns the table, with a header
 */
export function formatTable(results: readonly Result[]): string {
  const lines = [HEADER, ...results.map(cells)];
  const widths = HEADER.map((_, column) =>
    Math.max(...lines.map((line) => (line[column] ?? '').length)),
  );
  const format = (line: readonly string[]): string =>
    line
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return WORDS.has(HEADER[column] ?? '') ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '-'.repeat(width));
  return [HEADER, rule, ...lines.slice(1)].map(format).join('\n');
}

/** A number of elements with its unit: 6250, 100k, 10M, 1G. */
function formatCount(count: number): string {
  const [unit, suffix] = UNITS.find(([size]) => count >= size) ?? [1, ''];
  return `${Number((count / unit).toPrecision(3))}${suffix}`;
}

const UNITS: readonly (readonly [number, string])[] = [
  [1e9, 'G'],
  [1e6, 'M'],
  [1e4, 'k'],
];

function cells({ row, timing }: Result): readonly string[] {
  const { work, name, elements, tensors, against, target, bytesPerElement } = row;
  const perElement = timing.nanoseconds / elements;
  const isNumber = !isTooNoisy(timing);
  return [
    work,
    name,
    tensors === 1 ? formatCount(elements) : `${formatCount(elements)} in ${formatCount(tensors)}`,
    isNumber ? timing.ratio.toFixed(2) : 'too noisy',
    against,
    timing.quartiles.map((quartile) => quartile.toFixed(2)).join('-'),
    `${timing.pairs}`,
    target === undefined ? '' : `${target}`,
    isNumber ? perElement.toFixed(3) : '',
    isNumber && bytesPerElement !== undefined ? (bytesPerElement / perElement).toFixed(1) : '',
  ];
}
