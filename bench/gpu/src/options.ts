// The options of the command.
import { resolve } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import type { PairedOptions } from './paired.js';
import { RUNTIMES } from './runtime.js';
import type { RuntimeName } from './runtime.js';

/** What is measured. */
const WORKS = ['conformance', 'update', 'swap', 'bnUpdate', 'training step'] as const;

type Work = (typeof WORKS)[number];

/** What is measured, and how long. */
export interface Options extends PairedOptions {
  readonly runtimes: readonly RuntimeName[];
  readonly works: readonly Work[];
  /** The elements of the weights whose update and swap are measured. */
  readonly sizes: readonly number[];
  /** The images in a batch of the networks. */
  readonly samples: number;
  /** The elements of the large tensors of the conformance suite. */
  readonly maxElements: number;
  /** The file for the results. */
  readonly json: string;
}

const OPTIONS = {
  runtime: { type: 'string', default: RUNTIMES.join() },
  work: { type: 'string', default: WORKS.join() },
  elements: { type: 'string', default: '10000000,100000000' },
  samples: { type: 'string', default: '128' },
  'max-elements': { type: 'string', default: String(4099 ** 2) },
  pairs: { type: 'string', default: '31' },
  'sample-ms': { type: 'string', default: '20' },
  seconds: { type: 'string', default: '20' },
  json: { type: 'string', default: 'bench-gpu.json' },
} as const;

/**
 * Reads the arguments of the command.
 *
 * @param args - without node and the script
 * @throws TypeError for an unknown option; RangeError for a value that is not allowed
 */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  return {
    runtimes: namesIn('runtime', values.runtime, RUNTIMES),
    works: namesIn('work', values.work, WORKS),
    sizes: values.elements.split(',').map((count) => countIn('elements', count)),
    samples: countIn('samples', values.samples),
    maxElements: countIn('max-elements', values['max-elements']),
    pairs: countIn('pairs', values.pairs),
    sampleMilliseconds: countIn('sample-ms', values['sample-ms']),
    seconds: countIn('seconds', values.seconds),
    // pnpm runs scripts in the package's folder, and says in which folder the command was given.
    json: resolve(process.env['INIT_CWD'] ?? '.', values.json),
  };
}

function namesIn<Name extends string>(
  option: string,
  text: string,
  known: readonly Name[],
): readonly Name[] {
  return text.split(',').map((name) => {
    const found = known.find((candidate) => candidate === name);
    if (found !== undefined) return found;
    throw new RangeError(`--${option}: there is no ${name}. Choose from ${known.join(', ')}.`);
  });
}

function countIn(option: string, text: string): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count >= 1) return count;
  throw new RangeError(`--${option} is ${text}, expected an integer >= 1.`);
}
