import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import process from 'node:process';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { run } from '#program';
import { NO_REDIS, startRedis } from '../../../../tests/support/redis.js';
import { Folder, vector } from '../files.js';
import { surroundings } from '../surroundings.js';

const NOWHERE = 'redis://127.0.0.1:1';

async function polyak(
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const { context, stdout, stderr } = surroundings();
  const code = await run(args, context);
  return { code, stdout: stdout(), stderr: stderr() };
}

describe('--fleet', () => {
  const folder = new Folder();
  const [a = '', b = ''] = [1, 2].map((value) =>
    folder.write(`${value}.safetensors`, { w: vector(value, 3) }),
  );
  const out = folder.at('out.safetensors');
  const fleet = ['--fleet', NOWHERE, '--store', folder.path];

  it.each([
    [['-o', out, '--fleet', NOWHERE], /--fleet needs --store/],
    [['-o', out, '--store', folder.path], /of use with --fleet only/],
    [['-o', out, '--part-size', '1MB'], /of use with --fleet only/],
    [['-o', out, ...fleet, '--resume'], /--resume is of no use/],
    [['-o', '/elsewhere.safetensors', ...fleet], /elsewhere\S* is not in .* --store names/],
    [['-o', folder.path, ...fleet], /is not in/],
  ])('refuses %j', async (args, message) => {
    const { code, stderr } = await polyak('average', a, b, ...args);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(message) as string });
  });

  it('finds by links what is in the folder', async () => {
    const beside = new Folder();
    symlinkSync(folder.path, beside.at('store'));
    symlinkSync(a, beside.at('a.safetensors'));
    for (const [input, output, store] of [
      [a, out, beside.at('store')],
      [beside.at('store/1.safetensors'), beside.at('store/out.safetensors'), folder.path],
      [beside.at('a.safetensors'), out, folder.path],
    ] as const) {
      const args = [input, b, '-o', output, '--fleet', NOWHERE, '--store', store];
      // It comes as far as Redis.
      expect(await polyak('average', ...args)).toMatchObject({ code: 1 });
    }
    symlinkSync(beside.path, folder.at('elsewhere'));
    const led = folder.at('elsewhere/out.safetensors');
    expect(await polyak('average', a, b, '-o', led, ...fleet)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('is not in') as string,
    });
  });

  it.each(['redis://:a/b@127.0.0.1:1', 'redis://:a?b@127.0.0.1:1', 'redis://u:1/b@127.0.0.1:1'])(
    'says how a password is written in the URL %s, and does not print it',
    async (url) => {
      const args = ['-o', out, '--fleet', url, '--store', folder.path];
      const { code, stderr } = await polyak('average', a, b, ...args);
      expect(code).toBe(2);
      expect(stderr).toMatch(/In its user and password, write % as %25, \/ as %2F/);
      expect(stderr).not.toContain('b@');
    },
  );

  it('refuses an output in a folder that is missing, as one machine does', async () => {
    const refused = await polyak(
      'average',
      a,
      b,
      '-o',
      folder.at('none/out.safetensors'),
      ...fleet,
    );
    expect(refused).toEqual(await polyak('average', a, b, '-o', folder.at('none/out.safetensors')));
    expect(refused).toMatchObject({ code: 3 });
  });

  it('says that Redis is not there', async () => {
    const message =
      'polyak: Redis is not reached at 127.0.0.1:1 (connect ECONNREFUSED 127.0.0.1:1).\n';
    expect(await polyak('average', a, b, '-o', out, ...fleet)).toEqual({
      code: 1,
      stdout: '',
      stderr: message,
    });
    expect(await polyak('worker', ...fleet)).toEqual({ code: 1, stdout: '', stderr: message });
  });

  it.skipIf(NO_REDIS !== undefined)('says what became of a merge that is interrupted', async () => {
    const { url, stop } = await startRedis();
    const end = new AbortController();
    const { context, stderr } = surroundings(false, end.signal);
    try {
      const args = ['average', a, b, '-o', out, '--fleet', url, '--store', folder.path];
      const merging = run(args, context);
      while (!stderr().includes('in the queue')) await setTimeout(20);
      end.abort();
      expect(await merging).toBe(130);
      expect(stderr()).toContain('interrupted: the merge was cancelled, and its parts removed.\n');
    } finally {
      await stop();
    }
  });

  it.skipIf(NO_REDIS !== undefined)('merges as one machine does, with a worker', async () => {
    const { url, stop } = await startRedis();
    const home = process.cwd();
    const end = new AbortController();
    const worker = surroundings(false, end.signal);
    try {
      const working = run(['worker', '--fleet', url, '--store', folder.path], worker.context);
      mkdirSync(folder.at('one'));
      const here = ['--fleet', url, '--store', folder.path];
      const made = await polyak(
        'merge',
        '--method=ties',
        '--density=0.5',
        `--base=${folder.path}`,
        a,
        b,
        `--output=${out}`,
        ...here,
      );
      // The folder has several checkpoints.
      expect(made.code).toBe(3);
      process.chdir(folder.path);
      const average = async (...args: readonly string[]): ReturnType<typeof polyak> =>
        await polyak('average', '1.safetensors', '2.safetensors', '--weights=1,3', ...args);
      const { code, stdout, stderr } = await average(
        '--output=out.safetensors',
        `--fleet=${url}`,
        '--store=.',
        '--part-size=4',
        '--json',
      );
      expect({ code, stderr }).toMatchObject({ code: 0 });
      expect(JSON.parse(stdout)).toMatchObject({ kind: 'merged', output: 'out.safetensors' });
      expect(stderr).toContain('polyak: 2 parts in the queue, for the workers');
      expect((await average('-o', 'one/out.safetensors')).code).toBe(0);
      expect(readFileSync('out.safetensors')).toEqual(readFileSync('one/out.safetensors'));
      expect((await average('-o', out, ...here, '--dtype', 'float16')).code).toBe(5);
      end.abort();
      expect(await working).toBe(0);
      expect(worker.stderr()).toBe(
        `polyak: working in ${folder.path}\npolyak: ending after the jobs that are begun\n`,
      );
    } finally {
      end.abort();
      process.chdir(home);
      await stop();
    }
  });
});
