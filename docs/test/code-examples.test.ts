// Every code example in docs and READMEs is type-checked, runs, and prints what it says it prints.
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeExamples } from './code-examples.js';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
// Inside the package, so that its dependencies are found.
const FOLDER = fileURLToPath(new URL('../.examples/', import.meta.url));
const PATTERNS = [
  '*.md',
  'docs/**/*.md',
  'packages/*/README.md',
  'examples/*/README.md',
  'packages/*/src/**/*.ts',
];

const examples = codeExamples(ROOT, PATTERNS).map((example, index) => ({
  ...example,
  path: `${FOLDER}${index}.ts`,
}));

describe('code examples', () => {
  beforeAll(() => {
    rmSync(FOLDER, { recursive: true, force: true });
    mkdirSync(FOLDER);
    for (const { path, code } of examples) writeFileSync(path, `${code}\nexport {};\n`);
    writeFileSync(
      `${FOLDER}tsconfig.json`,
      JSON.stringify({
        extends: '../../tsconfig.json',
        compilerOptions: { noUnusedLocals: false, noUncheckedIndexedAccess: false },
        include: ['*.ts'],
      }),
    );
  });
  afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

  it('are found', () => {
    expect(examples.length).toBeGreaterThan(5);
  });

  it('pass the type checker', async () => {
    const tsc = `${ROOT}node_modules/typescript/bin/tsc`;
    const { stdout } = await run(process.execPath, [tsc, '--noEmit', '-p', FOLDER]).catch(
      (error: { stdout: string }) => error,
    );
    const names = stdout.replaceAll(
      /\b(\d+)\.ts\b/g,
      (file, index) => examples[Number(index)]?.name ?? file,
    );
    expect(names).toBe('');
  });

  it.concurrent.each(examples)('$name runs', async ({ path, expected }) => {
    const { stdout } = await run(
      process.execPath,
      ['--conditions=@polyak/source', '--import', 'tsx', path],
      {
        cwd: FOLDER,
      },
    );
    const printed = stdout.split('\n').filter((line) => line !== '');
    expect(printed.map(withoutSpaces)).toEqual(expected.map(withoutSpaces));
  });
});

describe('codeExamples', () => {
  const folder = mkdtempSync(join(tmpdir(), 'polyak-examples-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('finds blocks in folders, with their line and what they print', () => {
    mkdirSync(join(folder, 'guides'));
    writeFileSync(join(folder, 'guides/a.md'), '# A\n\n```ts\nconsole.log(1 + 1); // 2\n```\n');
    expect(codeExamples(folder, ['**/*.md'])).toEqual([
      { name: 'guides/a.md:3', code: 'console.log(1 + 1); // 2\n', expected: ['2'] },
    ]);
  });

  it.each(['```ts{1}', '```ts [a.ts]', '```typescript {1}', '~~~ts', '  ```tsx'])(
    'refuses a block that begins with %s, which would not be checked',
    (fence) => {
      writeFileSync(join(folder, 'odd.md'), `${fence}\nlet x = 1;\n`);
      expect(() => codeExamples(folder, ['odd.md'])).toThrow(`odd.md: \`${fence.trim()}\``);
    },
  );
});

/** Node prints `[ 3, 3 ]` where people write `[3, 3]`. */
function withoutSpaces(text: string): string {
  return text.replaceAll(/\s/g, '');
}
