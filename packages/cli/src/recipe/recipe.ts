// Recipes of merges: YAML files that say what `polyak merge` is told otherwise on its command line.
import { readFile, stat } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve, sep } from 'node:path';
import { renameOf } from '@polyak/checkpoints/names';
import type { MergeFilesOptions } from '@polyak/checkpoints/node';
import { parseBytes } from '../arguments/parse.js';
import { UsageError } from '../exit-codes.js';
import { readDocument } from './document.js';
import type { Path } from './document.js';
import { recipeMethod } from './method.js';
import { checkRecipe } from './schema.js';

/** A merge as a recipe describes it. */
export interface Recipe {
  /** Absolute paths, in order. */
  readonly inputs: readonly string[];
  /** An absolute path in the recipe's folder; missing where the command line has it. */
  readonly output?: string;
  readonly options: MergeFilesOptions;
}

// Longer than any list of checkpoints that someone merges.
const LONGEST = 2 ** 20;

/**
 * Reads a recipe:
 *
 * ```yaml
 * inputs:
 *   - run/step-1000.safetensors
 *   - path: run/step-2000.safetensors
 *     weight: 2
 * base: base.safetensors
 * method: ties
 * options:
 *   density: 0.2
 * names:
 *   rename: ['module.*=*']
 *   exclude: ['*.rotary']
 * dtype: bfloat16
 * shards: 5GB
 * output: merged.safetensors
 * ```
 *
 * The method is `linear` where none is given, with the options `normalize`, `decay` and `ema`.
 * Paths are relative to the recipe's folder, and the output is inside it.
 *
 * @param path - of the file
 * @throws UsageError with the line and the key that is wrong
 */
export async function readRecipe(path: string): Promise<Recipe> {
  const { size } = await stat(path);
  if (size > LONGEST) throw new UsageError(`${path}: a recipe has at most ${LONGEST} bytes.`);
  return recipeOf(await readFile(path, 'utf8'), path);
}

/**
 * The recipe that a text describes.
 *
 * @param text - YAML
 * @param path - of its file
 * @throws UsageError with the line and the key that is wrong
 */
export function recipeOf(text: string, path: string): Recipe {
  const document = readDocument(text, path);
  const checked = checkRecipe(document.value);
  if ('flaw' in checked) throw document.problem(checked.flaw.path, checked.flaw.text);
  const { recipe } = checked;
  const folder = dirname(resolve(path));
  const { base, names, rows, dtype, nonfinite, shards, output } = recipe;
  const inside = output === undefined ? undefined : resolve(folder, output);
  if (inside !== undefined && !isInside(folder, inside)) {
    throw document.problem(['output'], 'expected a path in the folder of the recipe; -o takes any');
  }
  /** What `make` returns; its errors name the line. */
  const at = <Value>(where: Path, make: () => Value): Value => {
    try {
      return make();
    } catch (cause) {
      throw document.problem(where, (cause as Error).message);
    }
  };
  const { rename, ...selected } = names;
  const renames = rename?.map((rule, index) =>
    at(['names', 'rename', index], () => renameOf('rename', rule)),
  );
  return {
    inputs: recipe.inputs.map((input) =>
      resolve(folder, typeof input === 'string' ? input : input.path),
    ),
    ...(inside !== undefined && { output: inside }),
    options: {
      method: at(['options'], () => recipeMethod(recipe)),
      ...(base !== undefined && { base: resolve(folder, base) }),
      names: { ...selected, ...(renames && { rename: renames }) },
      ...(rows && { rows }),
      ...(dtype && { dtype }),
      ...(nonfinite && { nonFinite: nonfinite }),
      ...(shards !== undefined && {
        shardBytes: at(['shards'], () => parseBytes(String(shards))),
      }),
    },
  };
}

function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '' && way.split(sep)[0] !== '..' && !isAbsolute(way);
}
