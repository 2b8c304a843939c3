// The command as a whole, on what TensorFlow.js there is.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { describe, expect, it } from 'vitest';

const HOME = fileURLToPath(new URL('..', import.meta.url));

describe('the command', { timeout: 300_000 }, () => {
  it('averages a model from a folder, which plain TensorFlow.js then reads', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'polyak-keras-'));
    const args = ['--output', folder, '--epochs', '2', '--train-images', '640'];
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--conditions=@polyak/source', '--import', 'tsx', 'src/main.ts', ...args],
      { cwd: HOME },
    );
    await rm(folder, { recursive: true });
    expect(stdout).toMatch(/^epoch 1\/2: accuracy \d+\.\d\d %$/m);
    expect(stdout).toMatch(/^epoch 2\/2: accuracy \d+\.\d\d %, averaged \d+\.\d\d %$/m);
    expect(stdout).toMatch(
      /^In plain TensorFlow\.js on wasm its outputs differ by at most \d\.\de[+-]\d+\.$/m,
    );
  });

  it('says which file is missing', async () => {
    const run = promisify(execFile)(
      process.execPath,
      ['--conditions=@polyak/source', '--import', 'tsx', 'src/main.ts', '--model', '/nowhere'],
      { cwd: HOME },
    );
    await expect(run).rejects.toThrow('/nowhere/model.json');
  });
});
