// Lines of cells as text in aligned columns.

/** A column: its header, and whether it holds words, which are aligned to the left. */
export interface Column {
  readonly header: string;
  readonly isText?: boolean;
}

/**
 * Lines up cells.
 *
 * @param columns - from left to right
 * @param rows - as many cells each as there are columns
 * @returns the header, a rule, and one line a row
 */
export function alignColumns(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string {
  const header = columns.map((column) => column.header);
  const widths = header.map((cell, index) =>
    Math.max(cell.length, ...rows.map((row) => row[index]?.length ?? 0)),
  );
  const rule = widths.map((width) => '-'.repeat(width));
  const line = (cells: readonly string[]): string =>
    columns
      .map(({ isText }, index) => {
        const [cell, width] = [cells[index] ?? '', widths[index] ?? 0];
        return isText === true ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ')
      .trimEnd();
  return [header, rule, ...rows].map(line).join('\n');
}
