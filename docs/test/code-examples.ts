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
/** Fences that look like examples, and would not be found. */
const ODD_FENCE = /^ *(?:```ts(?!\r?$).*|```typescript.*|~~~ts.*)$/m;
/** Guides have excerpts too, which tests/guides compares with their sources. */
const EXCERPTS = /^```typescript$/gm;
const GUIDES = 'docs/guides/';
const EXPECTED = /console\.log\(.*\);\s*\/\/\s*(.+)$/gm;

/**
 * All examples in the files that `patterns` match.
 *
 * @param root - the folder the patterns and the names are relative to
 * @param patterns - globs
 * @throws Error if a block is TypeScript, but does not begin with plain `ts`
 */
export function codeExamples(root: string, patterns: readonly string[]): readonly CodeExample[] {
  return globSync(patterns, { cwd: root, ignore: ['**/node_modules/**', 'docs/reference/**'] })
    .toSorted()
    .flatMap((path) => examplesOf(path, readFileSync(join(root, path), 'utf8')));
}

function examplesOf(path: string, text: string): readonly CodeExample[] {
  // In doc comments, each line begins with ` * `.
  const plain = path.endsWith('.ts') ? text.replaceAll(/^ *\* ?/gm, '') : text;
  const fences = path.startsWith(GUIDES) ? plain.replaceAll(EXCERPTS, '```') : plain;
  const [odd] = ODD_FENCE.exec(fences) ?? [];
  if (odd !== undefined) {
    throw new Error(
      `${path}: \`${odd.trim()}\` is not checked. Begin the block with plain \`ts\`.`,
    );
  }
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
