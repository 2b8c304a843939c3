import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const run = promisify(execFile);
const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

it('is what `pnpm proto` generates from the schema', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'polyak-proto-'));
  const PATH = `${at('node_modules/.bin')}${delimiter}${process.env['PATH']}`;
  try {
    const generate = [at('node_modules/@bufbuild/buf/bin/buf'), 'generate', '--output', folder];
    await run(process.execPath, generate, { cwd: at('.'), env: { ...process.env, PATH } });
    const generated = await readFile(join(folder, 'src/proto/onnx_pb.ts'), 'utf8');
    expect(await readFile(at('src/proto/onnx_pb.ts'), 'utf8')).toBe(generated);
  } finally {
    await rm(folder, { recursive: true });
  }
});
