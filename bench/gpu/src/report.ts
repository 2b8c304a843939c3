// The results as one table.
import type { Conformance } from './conformance.js';
import type { Adapter } from './dawn.js';
import type { Row } from './rows.js';
import type { RuntimeName } from './runtime.js';

/** What was measured of one runtime. */
export interface RuntimeResults {
  readonly runtime: RuntimeName;
  readonly versions: Readonly<Record<string, string>>;
  readonly conformance?: Conformance;
  readonly rows: readonly Row[];
  /** Why nothing more was measured. */
  readonly failure?: string;
}

/** All results, as they are written to the file. */
export interface Report {
  readonly date: string;
  readonly node: string;
  readonly platform: string;
  readonly cpu: string;
  readonly adapter: Adapter | { readonly failure: string };
  readonly results: readonly RuntimeResults[];
}

/** Beyond this distance of the quartiles, relative to the median, no median is printed. */
const WIDEST = 0.5;

const HEADER = [
  'runtime',
  'what',
  'against',
  'ratio',
  'quartiles',
  'ms',
  'ms of the yardstick',
  'pairs × calls',
];

/** The table in Markdown, and what it was measured on. */
export function formatReport({ adapter, node, platform, cpu, date, results }: Report): string {
  const rows = [HEADER, HEADER.map(() => '---'), ...results.flatMap(linesOf)];
  return [
    `Adapter of Dawn: ${'failure' in adapter ? adapter.failure : describe(adapter)}`,
    `${date.slice(0, 10)}, ${platform}, ${cpu}, Node ${node}`,
    ...results.map(({ runtime, versions }) => `${runtime}: ${versionsText(versions)}`),
    '',
    ...rows.map((cells) => `| ${cells.join(' | ')} |`),
    ...results.flatMap(failuresOf),
  ].join('\n');
}

function describe({ vendor, architecture, device, description }: Adapter): string {
  return [vendor, architecture, device, description].filter((part) => part !== '').join(', ');
}

function versionsText(versions: RuntimeResults['versions']): string {
  return Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ');
}

function linesOf({ runtime, conformance, rows, failure }: RuntimeResults): readonly string[][] {
  const note = (what: string, text: string): string[] => [
    runtime,
    what,
    '',
    text,
    ...HEADER.slice(4).map(() => ''),
  ];
  return [
    ...(conformance === undefined ? [] : [note('conformance', countsOf(conformance))]),
    ...rows.map((row) =>
      row.timing === undefined
        ? note(row.name, 'failed, see below')
        : [runtime, row.name, row.against, ...timingOf(row.timing)],
    ),
    ...(failure === undefined ? [] : [note('stopped', 'see below')]),
  ];
}

function countsOf({ passed, skipped, failed }: Conformance): string {
  return `${passed} passed, ${skipped} skipped, ${failed.length} failed`;
}

function timingOf({
  ratio,
  quartiles: [low, high],
  variant,
  reference,
  pairs,
  calls,
}: NonNullable<Row['timing']>): readonly string[] {
  return [
    (high - low) / ratio > WIDEST ? 'spread too wide' : ratio.toFixed(2),
    `${low.toFixed(2)} to ${high.toFixed(2)}`,
    digits(variant),
    digits(reference),
    `${pairs} × ${calls.join(' and ')}`,
  ];
}

/** Three digits, without an exponent. */
function digits(milliseconds: number): string {
  return milliseconds >= 100 ? milliseconds.toFixed(0) : milliseconds.toPrecision(3);
}

function failuresOf({ runtime, conformance, rows, failure }: RuntimeResults): readonly string[] {
  const failed = [
    ...(conformance?.failed ?? []).map(({ name, message }) => `conformance "${name}": ${message}`),
    ...rows.flatMap((row) => (row.failure === undefined ? [] : [`${row.name}: ${row.failure}`])),
    ...(failure === undefined ? [] : [failure]),
  ];
  return failed.map((text) => `\n${runtime}, ${text}`);
}
