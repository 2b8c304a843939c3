// What a recipe may say.
import { METHODS } from '@polyak/checkpoints/methods';
import * as v from 'valibot';
import type { Path } from './document.js';

/** A recipe as it is written. Paths are relative to its folder. */
export interface WrittenRecipe {
  readonly inputs: readonly (string | { readonly path: string; readonly weight?: number })[];
  readonly base?: string;
  readonly method: string;
  /** As the method takes them, which checks them. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly names: {
    /** As `--rename` takes them: `module.*=*`. */
    readonly rename?: readonly string[];
    readonly include?: readonly string[];
    readonly exclude?: readonly string[];
  };
  readonly rows?: readonly string[];
  readonly dtype?: 'float64' | 'float32' | 'float16' | 'bfloat16';
  readonly nonfinite?: 'refuse' | 'skip' | 'propagate';
  readonly shards?: string | number;
  readonly output?: string;
}

/** What is wrong in a recipe, and where. */
export interface Flaw {
  readonly path: Path;
  readonly text: string;
}

const number = v.pipe(v.number(), v.finite('expected a finite number'));
const patterns = v.array(v.string());
const path = v.pipe(
  v.string(),
  v.nonEmpty('expected a path'),
  v.check((text) => !/^([a-z][a-z\d+.-]*:\/\/|file:)/i.test(text), 'expected a path, and no URL'),
  v.check((text) => !text.includes('\0'), 'expected a path without NUL'),
);
const output = v.pipe(
  path,
  v.check((text) => text !== '-', 'expected a path: the output cannot go to standard output'),
);
const weighted = v.strictObject({ path, weight: v.exactOptional(number) });
const names = v.strictObject({
  rename: v.exactOptional(patterns),
  include: v.exactOptional(patterns),
  exclude: v.exactOptional(patterns),
});

const schema = v.strictObject({
  inputs: v.pipe(
    v.array(v.lazy((value): typeof path | typeof weighted => (isText(value) ? path : weighted))),
    v.minLength(1, 'expected one checkpoint at least'),
  ),
  base: v.exactOptional(path),
  method: v.exactOptional(v.picklist(['linear', ...METHODS]), 'linear'),
  options: v.exactOptional(v.record(v.string(), v.unknown()), {}),
  names: v.exactOptional(names, {}),
  rows: v.exactOptional(patterns),
  dtype: v.exactOptional(v.picklist(['float64', 'float32', 'float16', 'bfloat16'])),
  nonfinite: v.exactOptional(v.picklist(['refuse', 'skip', 'propagate'])),
  shards: v.exactOptional(v.union([v.string(), number], 'expected a size, such as 5GB')),
  output: v.exactOptional(output),
});

/**
 * Checks a recipe.
 *
 * @param value - plain data
 * @returns the recipe, or the first thing that is wrong with it
 */
export function checkRecipe(
  value: unknown,
): { readonly recipe: WrittenRecipe } | { readonly flaw: Flaw } {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return { recipe: result.output };
  const [issue] = result.issues;
  const keys = (issue.path ?? []).map(({ key }) => (typeof key === 'number' ? key : String(key)));
  return { flaw: { path: keys, text: textOf(issue, keys) } };
}

function textOf({ type, expected, received, message }: v.BaseIssue<unknown>, at: Path): string {
  if (type === 'strict_object' && expected === 'never') {
    return `there is no such key. Expected ${keysBeside(at).join(', ')}.`;
  }
  if (type === 'strict_object' && received === 'undefined') return 'it is missing';
  if (!message.startsWith('Invalid')) return message;
  return `found ${received}, expected ${expected ?? 'another value'}`;
}

/** The keys that may stand where an unknown one does. */
function keysBeside([first, ...others]: Path): readonly string[] {
  if (others.length === 0) return Object.keys(schema.entries);
  return Object.keys(first === 'names' ? names.entries : weighted.entries);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}
