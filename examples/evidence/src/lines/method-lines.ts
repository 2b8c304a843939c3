// The lines of `examples/*/results/methods.jsonl`: what each method measured with each seed.
import { Failure } from '../failure.js';
import { numberOf, objectsOf, parseJsonLines, textOf, type JsonLine } from './json-lines.js';

/** What one method measured with one seed. */
export interface MethodLine {
  readonly experiment: string;
  readonly budget: number;
  readonly seed: number;
  readonly method: string;
  /** Each number by its name, such as `accuracy`. */
  readonly measures: ReadonlyMap<string, number>;
  /** Its predictions by their confidence; none where they were not measured. */
  readonly bins: readonly Bin[];
}

/** Predictions of like confidence. */
interface Bin {
  /** The mean confidence, from 0 to 1. */
  readonly confidence: number;
  /** The share that is right. */
  readonly accuracy: number;
}

const KEYS = ['experiment', 'budget', 'seed', 'method'];

/**
 * The lines of some files.
 *
 * @param files - texts by path
 * @param keys - the numbers that tell the lines of one method and seed apart; none for
 * `methods.jsonl`, which has one
 * @throws Failure for a line that is no such line, a number that is not finite, or two lines of the
 * same experiment, budget, seed, method and keys
 */
export function parseMethodLines(
  files: ReadonlyMap<string, string>,
  keys: readonly string[] = [],
): readonly MethodLine[] {
  const places = new Map<string, string>();
  return [...files].flatMap(([path, text]) =>
    parseJsonLines(path, text).map((json) => {
      const line = parseLine(json);
      const { experiment, budget, seed, method } = line;
      const parts = keys.map((name) => numberOf(json, name));
      const key = JSON.stringify([experiment, budget, seed, method, ...parts]);
      const first = places.get(key);
      if (first !== undefined) {
        throw new Failure(
          `${json.place}: found "${method}" of ${experiment}, budget ${budget}, ` +
            `seed ${seed} again; ${first} has it. Remove one of them.`,
        );
      }
      places.set(key, json.place);
      return line;
    }),
  );
}

function parseLine(json: JsonLine): MethodLine {
  const measures = new Map<string, number>();
  for (const [name, value] of Object.entries(json.fields)) {
    if (KEYS.includes(name) || name === 'bins') continue;
    // Text, such as the machine, says how a line came to be, and is not tabulated.
    if (typeof value !== 'string') measures.set(name, numberOf(json, name));
  }
  if (measures.size === 0) {
    throw new Failure(`${json.place}: no number was measured. Remove the line.`);
  }
  return {
    experiment: textOf(json, 'experiment'),
    budget: numberOf(json, 'budget'),
    seed: numberOf(json, 'seed'),
    method: textOf(json, 'method'),
    measures,
    bins: json.fields['bins'] === undefined ? [] : objectsOf(json, 'bins').map(parseBin),
  };
}

function parseBin(json: JsonLine): Bin {
  return { confidence: numberOf(json, 'confidence'), accuracy: numberOf(json, 'accuracy') };
}
