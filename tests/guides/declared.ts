// What backends declare, and what the guide says that they do.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Backend, DType } from '@polyak/core/interfaces';

/** A row of the guide's table, by its cells. */
export type Row = Readonly<Record<string, string>>;

const GUIDE = fileURLToPath(new URL('../../docs/guides/write-a-backend.md', import.meta.url));

const INTEGERS: readonly DType[] = [8, 16, 32, 64].flatMap((bits): DType[] => [
  `int${bits}` as DType,
  `uint${bits}` as DType,
]);

/** The table of what backends declare, by the name of the backend. */
export function guideTable(): ReadonlyMap<string, Row> {
  const lines = readFileSync(GUIDE, 'utf8').split('\n');
  const cellsOf = (line: string): readonly string[] =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.replaceAll('`', '').trim());
  const head = lines.findIndex((line) => line.startsWith('| backend '));
  const names = cellsOf(lines[head] ?? '');
  const rows = lines.slice(head + 2, lines.indexOf('', head)).map(cellsOf);
  return new Map(
    rows.map(([backend = '', ...cells]) => [
      backend,
      Object.fromEntries(cells.map((cell, n) => [names[n + 1], cell])),
    ]),
  );
}

/** What a backend declares; its functions may be anything that is there. */
type Declaring = Pick<Backend<never>, 'dtypes' | 'isSynchronous' | 'canCompensate'> & {
  readonly [Name in 'cast' | 'hostViews']?: unknown;
};

/** What a backend declares, in the words of the table. */
export function declared(backend: Declaring): Row {
  const said = (is: boolean): string => (is ? 'yes' : 'no');
  return {
    dtypes: dtypesOf(backend.dtypes),
    isSynchronous: said(backend.isSynchronous),
    canCompensate: said(backend.canCompensate),
    cast: said(backend.cast !== undefined),
    hostViews: said(backend.hostViews !== undefined),
  };
}

function dtypesOf(dtypes: readonly DType[]): string {
  const hasAll = INTEGERS.every((dtype) => dtypes.includes(dtype));
  const order: readonly DType[] = [
    'float32',
    'float64',
    'float16',
    'bfloat16',
    ...INTEGERS,
    'bool',
  ];
  const names = order
    .filter((dtype) => dtypes.includes(dtype) && !(hasAll && INTEGERS.includes(dtype)))
    .map(String);
  if (!hasAll) return names.join(', ');
  const last = names.at(-1) === 'bool' ? names.splice(-1) : [];
  return [...names, 'integers of 8 to 64 bits', ...last].join(', ');
}

/** The row, with what depends on the device as it was found. */
export function onThisDevice(row: Row, found: Row): Row {
  const { dtypes = '', canCompensate = '' } = row;
  const [always = ''] = dtypes.split(', and float16 where');
  const hasHalf = always !== dtypes && (found['dtypes'] ?? '').includes('float16');
  return {
    ...row,
    dtypes: hasHalf ? always.replace('float32', 'float32, float16') : always,
    canCompensate: canCompensate.startsWith('where')
      ? (found['canCompensate'] ?? '')
      : canCompensate,
  };
}
