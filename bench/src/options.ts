// What `pnpm bench` takes, and which rows that selects.
import { resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Row } from './row.js';

/** Which rows run. */
export interface Selection {
  /** All kinds of work where it is missing. */
  readonly works?: readonly string[];
  /** Only rows with a gate, each up to three times. */
  readonly isGated: boolean;
}

/** The command's options. */
export interface Options extends Selection {
  readonly runtimes: readonly string[];
  /** Where the results are written as JSON. */
  readonly json?: string;
  /** Where the page is written. */
  readonly page: string;
  /** An earlier run's JSON, to compare with. */
  readonly compare?: string;
}

const PAGE = fileURLToPath(new URL('../output/bench.html', import.meta.url));

/**
 * Reads the arguments of the command.
 *
 * @param argv - without node and the script
 * @param known - the runtimes that have rows
 * @returns the options
 * @throws TypeError for an argument that the command does not have; RangeError for an unknown
 * runtime
 */
export function parseOptions(argv: readonly string[], known: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      runtime: { type: 'string' },
      work: { type: 'string' },
      json: { type: 'string' },
      page: { type: 'string' },
      compare: { type: 'string' },
      gate: { type: 'boolean', default: false },
    },
  });
  const runtimes = values.runtime?.split(',') ?? known;
  const unknown = runtimes.filter((runtime) => !known.includes(runtime));
  if (unknown.length > 0) {
    throw new RangeError(
      `--runtime: there are no rows of ${unknown.join(', ')}. Choose from ${known.join(', ')}.`,
    );
  }
  return {
    runtimes,
    ...(values.work !== undefined && { works: values.work.split(',') }),
    ...(values.json !== undefined && { json: path(values.json) }),
    page: values.page === undefined ? PAGE : path(values.page),
    ...(values.compare !== undefined && { compare: path(values.compare) }),
    isGated: values.gate,
  };
}

/** The rows that run, in their order. */
export function selectRows(rows: readonly Row[], { works, isGated }: Selection): readonly Row[] {
  return rows.filter(
    ({ work, gate }) => (works?.includes(work) ?? true) && (!isGated || gate !== undefined),
  );
}

// pnpm runs scripts in the package's folder, and says in which folder the command was given.
function path(name: string): string {
  return resolve(process.env['INIT_CWD'] ?? '.', name);
}
