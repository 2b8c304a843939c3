// Targets and gates of rows, as one table a runtime.
import type { Row } from '../../row.js';

/** The target and the gate of the rows that have all of the other members. */
export type Limit = Partial<Pick<Row, 'work' | 'name' | 'tensors' | 'elements' | 'against'>> &
  Pick<Row, 'target' | 'gate'>;

/**
 * Rows with their targets and gates.
 *
 * @param rows - of one runtime
 * @param limits - the first that fits a row counts
 */
export function limited(rows: readonly Row[], limits: readonly Limit[]): readonly Row[] {
  return rows.map((row) => {
    const limit = limits.find(({ target: _target, gate: _gate, ...members }) =>
      Object.entries(members).every(([key, value]) => row[key as keyof Row] === value),
    );
    return limit === undefined
      ? row
      : {
          ...row,
          ...(limit.target !== undefined && { target: limit.target }),
          ...(limit.gate !== undefined && { gate: limit.gate }),
        };
  });
}
