// Which tensors of checkpoints take part, and under which names.
import { PolyakError } from '@polyak/core';
import type { Checkpoint, TensorPlace } from '../checkpoint.js';
import { patternOf, renamingOf } from './pattern.js';
import type { Pattern, Renaming } from './pattern.js';

/** The new name of the tensors that match a pattern. */
export interface RenameRule {
  /** The pattern. */
  readonly from: string;
  /** The new name; its wildcards stand for those of the pattern, `$1` for a group. */
  readonly to: string;
}

/**
 * Which tensors take part, and under which names. In a pattern `*` stands for any characters, also
 * dots and slashes, and `?` for one: `decoder.*.bias`. A pattern between slashes is a regular
 * expression, which may match a part of a name: `/^decoder\..*bias$/`.
 */
export interface NameRules {
  /** Applied in this order, each to the names that the one before gave. */
  readonly rename?: readonly RenameRule[];
  /** Only tensors that match one of these, by their new names; all if missing. */
  readonly include?: readonly string[];
  /** No tensors that match one of these, by their new names. */
  readonly exclude?: readonly string[];
}

/** The tensors of a checkpoint that take part. */
export interface NamedTensors {
  /** The name of the checkpoint, for messages. */
  readonly name: string;
  /** The tensors by their new names, in the order of the file. */
  readonly tensors: ReadonlyMap<string, TensorPlace>;
  /** The name that a tensor has in its checkpoint. */
  original(name: string): string;
}

/**
 * Renames and selects the tensors of checkpoints.
 *
 * @param call - the method that was called, for messages
 * @returns for each checkpoint its tensors: the map of the checkpoint where nothing changes, and
 *   one map for checkpoints that share theirs
 * @throws RangeError where a regular expression is malformed, or a new name has more wildcards
 *   than its pattern
 * @throws PolyakError `ERR_MISMATCH` where a pattern matches no tensor of any checkpoint, two
 *   tensors would get one name, or no tensor is left
 */
export function applyNames(
  call: string,
  checkpoints: readonly Pick<Checkpoint, 'name' | 'tensors'>[],
  rules: NameRules,
): readonly NamedTensors[] {
  const { include, exclude = [], rename = [] } = rules;
  const compiled = {
    rename: rename.map(({ from, to }) => renamingOf(call, from, to)),
    include: include?.map((text) => patternOf(call, text)),
    exclude: exclude.map((text) => patternOf(call, text)),
  };
  const unmatched = new Set([...compiled.rename, ...(compiled.include ?? []), ...compiled.exclude]);
  const done = new Map<ReadonlyMap<string, TensorPlace>, Omit<NamedTensors, 'name'>>();
  const results = checkpoints.map(({ name, tensors }) => {
    const result = done.get(tensors) ?? selected(call, name, tensors, compiled, unmatched);
    done.set(tensors, result);
    return { name, ...result };
  });
  requireMatches(call, unmatched, checkpoints[0]?.tensors);
  if (results.length > 0 && results.every(({ tensors }) => tensors.size === 0)) {
    throw new PolyakError('ERR_MISMATCH', `${call}: no tensor is left to merge.`);
  }
  return results;
}

interface Compiled {
  readonly rename: readonly Renaming[];
  readonly include: readonly Pattern[] | undefined;
  readonly exclude: readonly Pattern[];
}

function selected(
  call: string,
  checkpoint: string,
  tensors: ReadonlyMap<string, TensorPlace>,
  { rename, include, exclude }: Compiled,
  unmatched: Set<Pattern | Renaming>,
): Omit<NamedTensors, 'name'> {
  // Every pattern is tried on every name, so that it is known which ones match none.
  const matchesOne = (patterns: readonly Pattern[], name: string): boolean => {
    let found = false;
    for (const pattern of patterns) {
      if (!pattern.matches(name)) continue;
      found = true;
      unmatched.delete(pattern);
    }
    return found;
  };
  const result = new Map<string, TensorPlace>();
  const originals = new Map<string, string>();
  for (const [original, place] of tensors) {
    let name = original;
    for (const rule of rename) {
      const renamed = rule.renamed(name);
      if (renamed === undefined) continue;
      unmatched.delete(rule);
      name = renamed;
    }
    const isIncluded = include === undefined || matchesOne(include, name);
    if (matchesOne(exclude, name) || !isIncluded) continue;
    if (result.has(name)) {
      const [one, other, both] = [originals.get(name) ?? name, original, name].map(quoted);
      throw new PolyakError(
        'ERR_MISMATCH',
        `${call}: in ${checkpoint} ${one} and ${other} would both be ${both}. ` +
          `Exclude one, or rename fewer.`,
      );
    }
    result.set(name, place);
    if (name !== original) originals.set(name, original);
  }
  const isSame = originals.size === 0 && result.size === tensors.size;
  return {
    tensors: isSame ? tensors : result,
    original: (name) => originals.get(name) ?? name,
  };
}

/** Quoted as JSON, so that a file's names cannot control a terminal. */
function quoted(name: string): string {
  return JSON.stringify(name);
}

/** Throws where there is a pattern that matched no name, which is likely misspelled. */
function requireMatches(
  call: string,
  unmatched: ReadonlySet<Pattern | Renaming>,
  tensors: ReadonlyMap<string, TensorPlace> = new Map(),
): void {
  if (unmatched.size === 0) return;
  const texts = [...unmatched].map(({ text }) => `"${text}"`).join(', ');
  const names: string[] = [];
  for (const name of tensors.keys()) if (names.push(quoted(name)) === 3) break;
  throw new PolyakError(
    'ERR_MISMATCH',
    `${call}: no tensor matches ${texts}. There are ${tensors.size} tensors, such as ` +
      `${names.join(', ')}. Patterns match whole names; include and exclude see the new ones.`,
  );
}
