// The options of a merge, each read once and checked: JavaScript may pass anything.
import { requireFunction, requireOptions, requireWord } from '@polyak/core/kit';
import type { Checkpoint } from '../checkpoint.js';
import { finiteNumbers, requireNumber } from '../methods/options.js';
import type { NameRules, RenameRule } from '../names/rules.js';
import type { NonFinitePolicy } from './checks.js';
import type { OutputDType } from './float-dtypes.js';
import { OUTPUT_DTYPES } from './float-dtypes.js';
import type { LinearMerge } from './linear.js';
import type { MergeMethod } from './method.js';

/** Options of `planMerge`. */
export interface MergeOptions {
  /** How elements are merged: weights, or a method. */
  readonly method: LinearMerge | MergeMethod;
  /** The model that the others were trained from, for methods that need it. */
  readonly base?: Checkpoint;
  /**
   * Which tensors are merged, and under which names. Those that are not selected are copied from
   * the last checkpoint.
   */
  readonly names?: NameRules;
  /**
   * Patterns of tensors whose first extent may differ, such as embeddings of a vocabulary that
   * grew. The output has the most rows. A row that only some checkpoints have is merged from those.
   */
  readonly rows?: readonly string[];
  /** The dtype of the floating-point tensors of the output; default: that of the last input. */
  readonly dtype?: OutputDType;
  /**
   * Numbers that are not finite: `refuse` (default) throws, `skip` merges an element from those
   * checkpoints in which it is finite, `propagate` lets them through. Finite numbers whose merge
   * the dtype of the output cannot hold are always refused.
   */
  readonly nonFinite?: NonFinitePolicy;
  /** The most bytes of a file, if the output is to be cut into several. */
  readonly shardBytes?: number;
}

/** The names of {@link MergeOptions}. */
export const MERGE_OPTIONS: readonly string[] = [
  'method',
  'base',
  'names',
  'rows',
  'dtype',
  'nonFinite',
  'shardBytes',
];

/** The options, each read once. Throws where one is not what it should be. */
export function readOptions(call: string, options: MergeOptions): MergeOptions {
  const given = requireOptions(call, options, MERGE_OPTIONS);
  const { method, base, names, rows, dtype, nonFinite, shardBytes } = given;
  if (dtype !== undefined) requireWord(call, 'dtype', dtype, OUTPUT_DTYPES);
  if (nonFinite !== undefined)
    requireWord(call, 'nonFinite', nonFinite, ['refuse', 'skip', 'propagate']);
  if (shardBytes !== undefined)
    requireNumber(call, 'shardBytes', shardBytes, (bytes) => bytes >= 1, 'a number >= 1');
  if (base !== undefined) requireCheckpoint(call, 'base', base);
  return {
    ...given,
    method: readMethod(call, method),
    ...(names !== undefined && { names: readNames(call, names) }),
    ...(rows !== undefined && { rows: readTexts(call, 'rows', rows) }),
  };
}

/** The checkpoints of a list, each read once. */
export function readCheckpoints(
  call: string,
  checkpoints: readonly Checkpoint[],
): readonly Checkpoint[] {
  const own = readList(call, 'the list of checkpoints', checkpoints);
  own.forEach((each, index) => requireCheckpoint(call, `checkpoint ${index}`, each));
  return own;
}

/** The texts of a list, each read once. */
export function readTexts(call: string, what: string, list: readonly string[]): readonly string[] {
  return readList(call, what, list).map((text, index) => {
    requireText(call, `${what}[${index}]`, text);
    return text;
  });
}

/** Throws unless `value` is a text. */
export function requireText(call: string, what: string, value: unknown): void {
  if (typeof value === 'string') return;
  throw new TypeError(`${call}: ${what} is a value of type ${typeof value}, expected a string.`);
}

/** A sparse array is refused at its first hole, since it may be billions long. */
function readList<T>(call: string, what: string, list: readonly T[]): readonly T[] {
  if (!Array.isArray(list)) {
    throw new TypeError(`${call}: ${what} is a value of type ${typeof list}, expected a list.`);
  }
  const own: T[] = [];
  for (const each of list as readonly T[]) {
    if (each === undefined) throw new TypeError(`${call}: ${what} has holes.`);
    own.push(each);
  }
  return own;
}

function requireCheckpoint(call: string, what: string, checkpoint: Checkpoint): void {
  const { tensors, files, layout } = Object(checkpoint) as Partial<Checkpoint>;
  if (tensors instanceof Map && Array.isArray(files) && typeof layout === 'function') return;
  throw new TypeError(`${call}: ${what} is no checkpoint. Pass what openCheckpoint returns.`);
}

function readNames(call: string, names: NameRules): NameRules {
  const { rename, include, exclude } = requireOptions(`${call}: names`, names, [
    'rename',
    'include',
    'exclude',
  ]);
  return {
    ...(rename !== undefined && {
      rename: readList(call, 'names.rename', rename).map((rule) => readRename(call, rule)),
    }),
    ...(include !== undefined && { include: readTexts(call, 'names.include', include) }),
    ...(exclude !== undefined && { exclude: readTexts(call, 'names.exclude', exclude) }),
  };
}

function readRename(call: string, rule: RenameRule): RenameRule {
  const { from, to } = Object(rule) as Partial<RenameRule>;
  requireText(call, 'from of a renaming', from);
  requireText(call, 'to of a renaming', to);
  return { from, to } as RenameRule;
}

function readMethod(call: string, method: LinearMerge | MergeMethod): LinearMerge | MergeMethod {
  const given = Object(method) as Partial<Omit<LinearMerge, 'kind'> & Omit<MergeMethod, 'kind'>>;
  const { kind } = given as { readonly kind?: unknown };
  requireWord(call, 'kind of the method', kind, ['linear', 'blocks']);
  const { name, weights, options, needsBase, models, tensor } = given;
  requireText(call, 'name of the method', name);
  if (kind === 'linear')
    return { kind, name, weights: finiteNumbers(call, weights ?? []) } as LinearMerge;
  const { least, most } = Object(models) as Partial<MergeMethod['models']>;
  for (const [what, count] of Object.entries({ least, most }))
    requireNumber(call, `${what} of models`, count, (value) => value >= 1, 'a number >= 1');
  if (typeof needsBase !== 'boolean') {
    const found = `a value of type ${typeof needsBase}`;
    throw new TypeError(`${call}: needsBase of the method is ${found}, expected a boolean.`);
  }
  requireFunction(call, 'tensor of the method', tensor);
  return {
    kind: 'blocks',
    name,
    options: readJson(call, options),
    needsBase,
    models: { least, most },
    tensor: (each) => Reflect.apply(tensor as MergeMethod['tensor'], method, [each]),
  } as MergeMethod;
}

/** What a record can hold of the options of a method. */
function readJson(call: string, options: MergeMethod['options'] = {}): MergeMethod['options'] {
  try {
    return JSON.parse(JSON.stringify(options)) as MergeMethod['options'];
  } catch (cause) {
    const found = (cause as Error).message;
    throw new TypeError(`${call}: the options of the method are no JSON: ${found}`, { cause });
  }
}
