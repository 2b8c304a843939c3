// The code examples of this repository: `ts` blocks of Markdown files, and `@example` blocks of doc
// comments.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { globSync } from 'tinyglobby';

export interface CodeExample {
  /** Where it stands, such as `README.md:40`. */
  readonly name: string;
  readonly code: string;
  /** What its `console.log` lines say they print, in order. */
  readonly expected: readonly string[];
}

const BLOCK = /```ts\n([\s\S]*?)```/g;
const EXPECTED = /console\.log\(.*\);\s*\/\/\s*(.+)$/gm;

/**
 * All examples in the files that `patterns` match.
 *
 * @param root - the folder the patterns and the names are relative to
 * @param patterns - globs
 */
export function codeExamples(root: string, patterns: readonly string[]): readonly CodeExample[] {
  return globSync(patterns, { cwd: root, ignore: ['**/node_modules/**'] })
    .toSorted()
    .flatMap((path) => examplesOf(path, readFileSync(join(root, path), 'utf8')));
}

function examplesOf(path: string, text: string): readonly CodeExample[] {
  // In doc comments, each line begins with ` * `.
  const plain = path.endsWith('.ts') ? text.replaceAll(/^ *\* ?/gm, '') : text;
  return [...plain.matchAll(BLOCK)].map((match) => {
    const [, code = ''] = match;
    const line = plain.slice(0, match.index).split('\n').length;
    return {
      name: `${path}:${line}`,
      code,
      expected: [...code.matchAll(EXPECTED)].map(([, output = '']) => output.trim()),
    };
  });
}
