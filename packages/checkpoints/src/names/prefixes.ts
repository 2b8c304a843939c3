// Prefixes that wrappers of models leave in names, and the renaming that takes them away.
import type { RenameRule } from './rules.js';

/** Names, as the keys of a map. */
type Names = ReadonlyMap<string, unknown>;

// DataParallel; torch.compile; the two models of ema-pytorch; a model within a module for training.
const PREFIXES = ['module.', '_orig_mod.', 'ema_model.', 'online_model.', 'model.'];
// The deepest stack of wrappers that is looked for.
const DEPTH = 3;
// The share of names that have a prefix. In files of ema-pytorch two prefixes share them.
const COMMON = 0.25;
// The share of names that are alike without their prefixes.
const ALIKE = 0.9;

/**
 * The renaming that makes the names of two checkpoints alike, where they differ in a well-known
 * prefix, such as `module.`, or in several.
 *
 * @param first - the tensors of one checkpoint by name
 * @param second - the tensors of the other
 * @returns the rule, which changes the names of only one of them; `undefined` where the names are
 *   alike already, or differ otherwise
 */
export function renameBetween(first: Names, second: Names): RenameRule | undefined {
  const prefixes = { first: prefixesOf(first), second: prefixesOf(second) };
  const pairs = prefixes.first.flatMap((a) => prefixes.second.map((b) => [a, b] as const));
  pairs.sort((one, other) => one.join('').length - other.join('').length);
  for (const [a, b] of pairs) {
    if (!areAlike(first, a, second, b)) continue;
    if (a === b) return undefined;
    // The longer prefix is replaced, unless the other checkpoint has it too.
    const [from, to, other] = a.length > b.length ? [a, b, second] : [b, a, first];
    if (countOf(other, from) === 0) return { from: `${from}*`, to: `${to}*` };
  }
  return undefined;
}

/** The prefixes that many of the names have, stacked ones too, and the empty one. */
function prefixesOf(names: Names): readonly string[] {
  const found = [''];
  let last = found;
  for (let depth = 0; depth < DEPTH; depth++) {
    const longer = last.flatMap((prefix) => PREFIXES.map((next) => prefix + next));
    last = longer.filter((prefix) => countOf(names, prefix) > COMMON * names.size);
    found.push(...last);
  }
  return found;
}

function countOf(names: Names, prefix: string): number {
  let count = 0;
  for (const name of names.keys()) if (name.startsWith(prefix)) count++;
  return count;
}

/** Whether nearly all names with a prefix are those of the other set with its prefix. */
function areAlike(first: Names, a: string, second: Names, b: string): boolean {
  let count = 0;
  let alike = 0;
  for (const name of second.keys()) {
    if (!name.startsWith(b)) continue;
    count++;
    if (first.has(a + name.slice(b.length))) alike++;
  }
  return alike >= ALIKE * Math.min(count, countOf(first, a));
}
