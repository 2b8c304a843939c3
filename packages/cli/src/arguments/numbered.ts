// Which of the checkpoints in a run's folder are meant by --from and --to: those whose name has a
// number in that range, in numeric order.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../exit-codes.js';

/** A range of numbers, both ends included. */
export interface NumberRange {
  readonly from: number;
  readonly to: number;
}

/** A checkpoint with a number in its name. */
export interface Numbered {
  readonly name: string;
  readonly number: number;
}

// Folders, as Hugging Face writes them, have no extension.
const EXTENSION = /\.(?:safetensors|safetensors\.index\.json|onnx)$/u;
const SHARD = /-\d+-of-\d+\.safetensors$/u;

/**
 * The checkpoints of a folder with numbers in a range, in numeric order.
 *
 * @param folder - such as `run`, with `run/step-840000.safetensors` or `run/checkpoint-840000/`
 * @returns their paths with their numbers
 * @throws UsageError where names are ambiguous or none is in the range
 */
export async function numberedCheckpoints(
  folder: string,
  range: NumberRange,
): Promise<readonly Numbered[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isDirectory() || EXTENSION.test(entry.name))
    .map((entry) => entry.name)
    .filter((name) => !name.startsWith('.') && !SHARD.test(name));
  const selected = selectNumbered(names, range);
  if (selected.length > 0) {
    return selected.map(({ name, number }) => ({ name: join(folder, name), number }));
  }
  throw new UsageError(
    `${folder} has no checkpoint with a number from ${range.from} to ${range.to} in its name. ` +
      (names.length === 0
        ? 'It has neither folders nor .safetensors or .onnx files.'
        : `It has ${excerptOf(names)}.`),
  );
}

/**
 * The names with a number in a range, in numeric order. Where names differ in one number only, that
 * is the number: `7b-step-1000` and `7b-step-2000` have the numbers 1000 and 2000.
 *
 * @param names - names of files and folders
 * @throws UsageError where a name has several numbers that may be meant, or several names have the
 *   same number; all are listed
 */
export function selectNumbered(names: readonly string[], range: NumberRange): readonly Numbered[] {
  const selected: Numbered[] = [];
  const problems: string[] = [];
  for (const alike of groupsOf(names)) {
    const places = placesOf(alike);
    for (const { name, numbers } of alike) {
      const inside = numbers.filter(
        (number, place) => places.has(place) && number >= range.from && number <= range.to,
      );
      const [number] = inside;
      if (inside.length > 1) problems.push(`${name} (${inside.join(' or ')})`);
      else if (number !== undefined) selected.push({ name, number });
    }
  }
  selected.sort((a, b) => a.number - b.number);
  for (const [index, { name, number }] of selected.entries()) {
    const before = selected[index - 1];
    if (before?.number === number) problems.push(`${before.name} and ${name} (both ${number})`);
  }
  if (problems.length === 0) return selected;
  throw new UsageError(
    `names are ambiguous: ${problems.join('; ')}. Name the checkpoints one by one, or by a ` +
      "pattern such as 'run/step-*'.",
  );
}

interface NameWithNumbers {
  readonly name: string;
  readonly numbers: readonly number[];
}

/** The names, in groups that differ in their digits only. */
function groupsOf(names: readonly string[]): Iterable<readonly NameWithNumbers[]> {
  const groups = new Map<string, NameWithNumbers[]>();
  for (const name of names) {
    const stem = name.replace(EXTENSION, '');
    const numbers = (stem.match(/\d+/gu) ?? []).map(Number);
    if (numbers.length === 0) continue;
    const pattern = name.replaceAll(/\d+/gu, '#');
    const group = groups.get(pattern);
    if (group === undefined) groups.set(pattern, [{ name, numbers }]);
    else group.push({ name, numbers });
  }
  return groups.values();
}

/** The places of numbers that are not the same in all names alike. */
function placesOf(alike: readonly NameWithNumbers[]): ReadonlySet<number> {
  const [first, ...others] = alike;
  const places = [...(first?.numbers.keys() ?? [])];
  if (others.length === 0) return new Set(places);
  return new Set(
    places.filter((place) =>
      others.some(({ numbers }) => numbers[place] !== first?.numbers[place]),
    ),
  );
}

function excerptOf(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(', ');
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown;
}
