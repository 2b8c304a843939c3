// Recipes: words in any order, recipes that were right before they were edited, any text.
import { isAbsolute, join, resolve, sep } from 'node:path';
import { UsageError } from '#exit-codes';
import { recipeOf } from '#recipe/recipe';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyEdited } from '../../../../tests/fuzz/any-edit.js';
import { fuzz, FUZZ_TIMEOUT } from '../../../../tests/fuzz/fuzz-run.js';

const FOLDER = resolve('recipes');
const FILE = join('recipes', 'merge.yaml');

const RECIPES = [
  'inputs:\n  - a\n  - b\nmethod: ties\nbase: c\noptions: {density: 0.2}\noutput: out/d\n',
  'inputs:\n  - path: a\n    weight: 2\n  - path: b\n    weight: 1\nshards: 5GB\ndtype: bfloat16\n',
  'inputs: [a, b]\nnames:\n  rename: ["m.*=*"]\n  exclude: ["*.x"]\nrows: [e]\noutput: d\n',
];
const WORDS =
  'inputs base method options names rename include rows dtype shards output path weight ' +
  'ties linear ../x /etc/x __proto__ *=* .inf 1e999 5GB ~ a - [ ] { } , &a *a " | !! ? \n : ';

describe('a fuzzer', () => {
  it(
    'finds no recipe that is neither read nor refused, and none that writes outside its folder',
    async () => {
      // Such as those of a library about what it reads.
      const warnings: Error[] = [];
      const note = (warning: Error): void => void warnings.push(warning);
      process.on('warning', note);
      const word = fc.constantFrom(...WORDS.split(' '), ': ', '\n', '\n  ');
      const texts = fc.array(word, { maxLength: 30 }).map((parts) => parts.join(''));
      let count = 0;
      await fuzz(
        'recipes',
        fc.property(fc.oneof(anyEdited(RECIPES), texts, fc.string({ unit: 'binary' })), (text) => {
          let recipe;
          try {
            recipe = recipeOf(text, FILE);
          } catch (error) {
            if (!(error instanceof UsageError)) throw error;
            return error.message.startsWith(FILE);
          }
          count += 1;
          const { output = join(FOLDER, 'd'), inputs } = recipe;
          return output.startsWith(FOLDER + sep) && inputs.every((input) => isAbsolute(input));
        }),
        2000,
      );
      expect(count).toBeGreaterThan(20);
      await new Promise((settled) => setImmediate(settled));
      process.off('warning', note);
      expect(warnings).toEqual([]);
    },
    FUZZ_TIMEOUT,
  );
});
