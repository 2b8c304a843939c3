// What the command makes compiles, fails with what to do, and passes once it is written.
import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createBackend, named } from '@polyak/create-backend';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const REPOSITORY = fileURLToPath(new URL('../../..', import.meta.url));
const GUIDE = readFileSync(join(REPOSITORY, 'docs/guides/write-a-backend.md'), 'utf8');
const TEMPLATE = join(REPOSITORY, 'tools/create-backend/template');
const FILLED = fileURLToPath(new URL('filled/', import.meta.url));
const PATIENCE = 240_000;

const FILES = [
  '.oxlintrc.json',
  '.prettierignore',
  'package.json',
  'tsconfig.base.json',
  'tsconfig.json',
  'typedoc.json',
  'vitest.config.ts',
  'tests/support/gpujs/display.ts',
];

interface Outcome {
  readonly code: number;
  readonly output: string;
}

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly {
      readonly title: string;
      readonly status: 'passed' | 'failed' | 'skipped';
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

describe('a package that was made', () => {
  let root = '';
  const folder = 'packages/backend-web-nn';

  /** Runs a tool of the repository in the copy. */
  async function tool(path: string, ...args: readonly string[]): Promise<Outcome> {
    const command = [join(REPOSITORY, 'node_modules', path), ...args];
    try {
      const { stdout, stderr } = await run(process.execPath, command, { cwd: root });
      return { code: 0, output: stdout + stderr };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, output: stdout + stderr };
    }
  }

  /** Runs the conformance test, and returns the messages of what failed, by test. */
  async function conformance(): Promise<ReadonlyMap<string, string>> {
    const file = join(root, 'report.json');
    await tool('vitest/vitest.mjs', 'run', folder, '--reporter=json', `--outputFile=${file}`);
    const { testResults } = JSON.parse(readFileSync(file, 'utf8')) as Report;
    const results = testResults.flatMap(({ assertionResults }) => assertionResults);
    expect(results.length).toBeGreaterThan(50);
    return new Map(
      results.flatMap(({ title, status, failureMessages }) =>
        status === 'failed' ? [[title, failureMessages.join('\n')]] : [],
      ),
    );
  }

  beforeAll(async () => {
    root = realpathSync(mkdtempSync(join(tmpdir(), 'polyak-create-')));
    for (const file of FILES) cpSync(join(REPOSITORY, file), join(root, file));
    symlinkSync(join(REPOSITORY, 'node_modules'), join(root, 'node_modules'), 'junction');
    const link = (from: string, to: string): void => {
      const scope = join(root, 'packages', from, 'node_modules/@polyak');
      mkdirSync(scope, { recursive: true });
      symlinkSync(join(root, 'packages', to), join(scope, to), 'junction');
    };
    for (const name of ['core', 'safetensors']) {
      for (const part of ['src', 'package.json', 'tsconfig.json']) {
        const path = join('packages', name, part);
        cpSync(join(REPOSITORY, path), join(root, path), { recursive: true });
      }
    }
    await createBackend(root, 'web-nn');
    link('core', 'safetensors');
    link('backend-web-nn', 'core');
  }, PATIENCE);

  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it(
    'compiles',
    async () => {
      expect(await tool('typescript/bin/tsc', '-b', folder)).toEqual({ code: 0, output: '' });
      expect(existsSync(join(root, folder, 'dist/index.js'))).toBe(true);
    },
    PATIENCE,
  );

  it('is formatted and passes the linter', async () => {
    const formatted = await tool('prettier/bin/prettier.cjs', '--check', folder, '*.json');
    expect(formatted).toMatchObject({ code: 0 });
    const linted = await tool('oxlint/bin/oxlint', '--deny-warnings', folder);
    expect(linted).toMatchObject({ code: 0 });
  });

  it('is built and documented with the others, and keeps no name of the template', async () => {
    const text = (path: string): string => readFileSync(join(root, path), 'utf8');
    expect(text('package.json')).toContain(`packages/tensorflow-native ${folder}"`);
    expect(text('typedoc.json')).toContain(`"${folder}"`);
    for (const file of ['README.md', 'package.json', 'src/index.ts', 'src/backend.ts']) {
      expect(text(join(folder, file))).not.toMatch(/template/iu);
    }
    expect(text(join(folder, 'src/index.ts'))).toContain('{ webNnBackend }');
    expect(text(join(folder, 'src/index.ts'))).toContain('{ WebNnTensor }');
  });

  it(
    'fails its conformance test with what to do, in the words of the guide',
    async () => {
      const failed = await conformance();
      expect(failed.size).toBeGreaterThan(30);
      for (const message of failed.values()) {
        const [, task = 'no task', anchor = 'no anchor'] =
          /is not written yet\. (.*) See docs\/guides\/write-a-backend\.md#(\w+)\./u.exec(
            message,
          ) ?? [];
        expect(GUIDE).toContain(task);
        expect(GUIDE.toLowerCase()).toContain(`\n### ${anchor}\n`);
      }
    },
    PATIENCE,
  );

  it(
    'passes once the methods are written',
    async () => {
      for (const file of ['tensor.ts', 'parameter.ts', 'backend.ts']) {
        const text = named(readFileSync(join(FILLED, file), 'utf8'), 'web-nn');
        writeFileSync(join(root, folder, 'src', file), text);
      }
      rmSync(join(root, folder, 'src/unwritten.ts'));
      expect(await tool('typescript/bin/tsc', '-b', folder)).toEqual({ code: 0, output: '' });
      expect(Object.fromEntries(await conformance())).toEqual({});
    },
    PATIENCE,
  );

  it(
    'compiles with the sources of the example',
    async () => {
      const example = join(REPOSITORY, 'examples/backend-webgpu/src');
      cpSync(example, join(root, folder, 'src'), { recursive: true });
      const config = join(root, folder, 'tsconfig.json');
      const text = readFileSync(config, 'utf8');
      const lib = '"lib": ["ES2022", "DOM"],';
      expect(GUIDE).toContain(lib.slice(0, -1));
      writeFileSync(config, text.replace('"composite"', `${lib} "composite"`));
      expect(await tool('typescript/bin/tsc', '-b', folder)).toEqual({ code: 0, output: '' });
    },
    PATIENCE,
  );

  it('is not overwritten', async () => {
    await expect(createBackend(root, 'web-nn')).rejects.toThrow(`${folder} exists`);
  });
});

it('has each task of the template in the words of the guide', () => {
  const text = ['backend', 'parameter']
    .map((name) => readFileSync(join(TEMPLATE, `src/${name}.ts`), 'utf8'))
    .join('');
  const tasks = [...text.matchAll(/unwritten\(\s*'(\w+)',\s*'([^']+)'/gu)];
  expect(tasks).toHaveLength(9);
  for (const [, method = '', task = ''] of tasks) {
    expect(GUIDE).toContain(`\n### ${method}\n\n${task}\n`);
  }
});

describe('a name', () => {
  it.each(['', 'WebNN', 'web_nn', '../web', 'web-', '-web', 'web--nn', '1web', 'web nn'])(
    'is refused where a package cannot have it: "%s"',
    async (name) => {
      await expect(createBackend('/nowhere', name)).rejects.toThrow('is no name');
    },
  );

  it.each(['backend-webnn', 'template'])('is that of a runtime, not "%s"', async (name) => {
    await expect(createBackend('/nowhere', name)).rejects.toThrow('give webnn');
  });

  it('is written in each case', () => {
    const text = 'backend-template templateBackend TemplateTensor';
    expect(named(text, 'mlx')).toBe('backend-mlx mlxBackend MlxTensor');
    expect(named(text, 'web-nn2')).toBe('backend-web-nn2 webNn2Backend WebNn2Tensor');
  });
});
