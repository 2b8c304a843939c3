// The table of costs as text: one line a cost, measured beside what the design says.
import type { Cost } from '../rows/costs/cost.js';
import type { Column } from './columns.js';
import { alignColumns } from './columns.js';

const COLUMNS: readonly Column[] = [
  { header: 'cost', isText: true },
  { header: 'of', isText: true },
  { header: 'measured' },
  { header: 'quartiles' },
  { header: 'computed' },
  { header: 'unit', isText: true },
];

/** The headers of {@link costCells}. */
export const COST_HEADERS: readonly string[] = COLUMNS.map(({ header }) => header);

/**
 * Costs as text.
 *
 * @param costs - in the order of the table
 * @returns the table, with a header
 */
export function formatCosts(costs: readonly Cost[]): string {
  return alignColumns(COLUMNS, costs.map(costCells));
}

/** A cost as text, cell by cell. */
export function costCells({
  work,
  name,
  unit,
  value,
  quartiles,
  computed,
}: Cost): readonly string[] {
  const digits = unit === 'bytes' ? 0 : unit === 'bytes a weight' ? 1 : 2;
  return [
    work,
    name,
    value.toFixed(digits),
    quartiles?.map((quartile) => quartile.toFixed(digits)).join('-') ?? '',
    computed?.toFixed(digits) ?? '',
    unit,
  ];
}
