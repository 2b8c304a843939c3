// What `pnpm bench` takes, and which rows that selects.
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
}

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
    ...(values.json !== undefined && { json: values.json }),
    isGated: values.gate,
  };
}

/** The rows that run, in their order. */
export function selectRows(rows: readonly Row[], { works, isGated }: Selection): readonly Row[] {
  return rows.filter(
    ({ work, gate }) => (works?.includes(work) ?? true) && (!isGated || gate !== undefined),
  );
}
