// Numbers and tables as people read them.

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** A number of bytes, such as `1.2 GB`; units are powers of 1,000. */
export function bytesText(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 999.5 && unit < UNITS.length - 1) [value, unit] = [value / 1000, unit + 1];
  const digits = unit === 0 || value >= 99.5 ? 0 : 1;
  return `${value.toFixed(digits)} ${UNITS[unit] ?? ''}`;
}

/** A time, such as `1:02:03`, `2:05` or `7.1 s`. */
export function durationText(seconds: number): string {
  if (seconds < 59.5) return `${seconds.toFixed(seconds < 9.95 ? 1 : 0)} s`;
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const tail = String(whole % 60).padStart(2, '0');
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${tail}` : `${minutes}:${tail}`;
}

/** A number in at most six digits. */
export function numberText(value: number): string {
  return String(Number(value.toPrecision(6)));
}

/** A shape, such as `[64, 3, 3]`. */
export function shapeText(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}

/** `1 tensor`, `2 tensors`. */
export function countText(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}

/** Names with commas between them; `and 4,990 more` where there are many. */
export function listText(names: readonly string[]): string {
  const [shown, more] = [names.slice(0, 10).join(', '), names.length - 10];
  return more > 0 ? `${shown} and ${more.toLocaleString('en')} more` : shown;
}

/**
 * Rows in columns two spaces apart.
 *
 * @param rows - the heading first; each with as many cells
 * @param align - for each column, where its cells stand; left where there is none
 */
export function tableText(
  rows: readonly (readonly string[])[],
  align: readonly ('left' | 'right')[],
): string {
  const widths: number[] = [];
  // A name with a line break does not look like two rows.
  const lines = rows.map((row) => row.map((cell) => cell.replaceAll(/[\n\t]/gu, '\ufffd')));
  for (const row of lines) {
    for (const [column, cell] of row.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    }
  }
  const pad = (cell: string, column: number): string =>
    align[column] === 'right'
      ? cell.padStart(widths[column] ?? 0)
      : cell.padEnd(widths[column] ?? 0);
  return lines.map((row) => row.map(pad).join('  ').trimEnd()).join('\n');
}
