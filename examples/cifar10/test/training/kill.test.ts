// The command, killed again and again, comes to the result that it comes to when it is left alone.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { fromSafetensors } from '@polyak/core';
import { recordOf } from '@polyak/core/interfaces';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { encodeCifar10, noise } from '../fixture.js';

const HOME = fileURLToPath(new URL('../..', import.meta.url));
const ARGS =
  '--epochs 20 --batch-size 8 --width 1 --score-every 4 --backend wasm --legs swa-0.05-8,sgd-4';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'polyak-cifar10-'));
  await writeFile(join(folder, 'train.bin'), encodeCifar10(noise(16, 1)));
  await writeFile(join(folder, 'test.bin'), encodeCifar10(noise(10, 2)));
});
afterAll(async () => rm(folder, { recursive: true }));

// Each start of the command takes seconds.
describe('the command', { timeout: 600_000 }, () => {
  it('ends the same after kill -9 in the middle of epochs', async () => {
    await ended(start('whole'));
    for (const epoch of ['trunk 1:', 'swa-0.05-8 5:', 'sgd-4 3:']) {
      const child = start('killed');
      for await (const chunk of child.stdout ?? []) if (String(chunk).includes(epoch)) break;
      await setTimeout(40); // into the epoch that follows
      child.kill('SIGKILL');
      await once(child, 'exit');
      expect(child.signalCode).toBe('SIGKILL');
    }
    const text = await ended(start('killed'));
    expect(text).not.toContain('swa-0.05-8'); // that epoch was there

    const read = async (output: string): Promise<string> =>
      readFile(join(folder, output, 'seed-1', 'run.jsonl'), 'utf8');
    expect(await read('killed')).toBe(await read('whole'));
    for (const leg of ['trunk', 'swa-0.05-8', 'sgd-4']) {
      expect(await trained('killed', leg)).toEqual(await trained('whole', leg));
    }
  });

  it('says in one line that there is no folder', async () => {
    const child = start('none', join(folder, 'nothing'));
    let text = '';
    child.stderr?.on('data', (chunk) => (text += String(chunk)));
    const [code] = (await once(child, 'close')) as [number];
    expect(code).toBe(1);
    expect(text).toBe(
      `There is no folder ${join(folder, 'nothing')}. Name the one with CIFAR-10's binary files ` +
        'by --data.\n',
    );
  });
});

function start(output: string, data = folder): ChildProcess {
  const args = ['--data', data, '--output', join(folder, output), ...ARGS.split(' ')];
  return spawn(
    process.execPath,
    ['--conditions=@polyak/source', '--import', 'tsx', 'src/train.ts', ...args],
    {
      cwd: HOME,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
}

async function ended(child: ChildProcess): Promise<string> {
  let text = '';
  child.stdout?.on('data', (chunk) => (text += String(chunk)));
  child.stderr?.on('data', (chunk) => (text += String(chunk)));
  const [code] = (await once(child, 'close')) as [number];
  expect(`${code} ${text}`).toMatch(/^0 /);
  return text;
}

async function trained(output: string, leg: string): Promise<unknown> {
  const file = join(folder, output, 'seed-1', leg, 'last.safetensors');
  const { trainer, observers } = recordOf(fromSafetensors(await readFile(file)));
  return { trainer, observers };
}
