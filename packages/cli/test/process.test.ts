// The command as a process of its own, from its sources.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Folder, vector } from './files.js';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const tsx = import.meta.resolve('tsx');
const COMMAND = ['--conditions=@polyak/source', '--import', tsx, main];
const folder = new Folder();
const [a = '', b = ''] = [1, 2].map((value) => {
  folder.write(`${value}.safetensors`, { w: vector(value) });
  return `${value}.safetensors`;
});

describe('the process', () => {
  it('writes the output, and its result on stdout only', () => {
    const args = ['average', a, b, '-o', 'mean.safetensors', '--json'];
    const { status, stdout, stderr } = spawnSync(process.execPath, [...COMMAND, ...args], {
      cwd: folder.path,
      encoding: 'utf8',
    });
    expect({ status, stderr }).toMatchObject({ status: 0 });
    expect(JSON.parse(stdout)).toMatchObject({ output: 'mean.safetensors' });
    expect(folder.read('mean.safetensors').tensors['w']?.data[0]).toBe(1.5);
  });

  it('has the exit code of the error, without a stack unless DEBUG is set', () => {
    const fail = (env: NodeJS.ProcessEnv): ReturnType<typeof spawnSync> =>
      spawnSync(process.execPath, [...COMMAND, 'inspect', 'nosuch'], {
        cwd: folder.path,
        encoding: 'utf8',
        env: { ...process.env, ...env },
      });
    const { status, stdout, stderr } = fail({ DEBUG: undefined });
    expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
    expect(stderr).toMatch(/^polyak: nosuch: .*\n$/u);
    expect(fail({ DEBUG: '1' }).stderr).toMatch(/\n {4}at /u);
  });

  it.skipIf(process.platform === 'win32')('ends cleanly at Ctrl-C', async () => {
    const args = ['soup', '--eval', 'echo ready >&2; sleep 60 #', a, b, '-o', 'soup.safetensors'];
    const child = spawn(process.execPath, [...COMMAND, ...args], {
      cwd: folder.path,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      if (!stderr.includes('ready') && text.includes('ready')) child.kill('SIGINT');
      stderr += text;
    });
    expect(await once(child, 'exit')).toEqual([130, null]);
    expect(stderr).toBe(
      'ready\npolyak: interrupted. Where a part of the output was written, --resume goes on.\n',
    );
    expect(readdirSync(folder.path).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it.skipIf(process.platform === 'win32')('ends quietly where nobody reads its output', () => {
    const tensors = Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`t${n}`, vector()]));
    folder.write('many.safetensors', tensors);
    const words = [process.execPath, ...COMMAND].map((word) => `'${word}'`).join(' ');
    const line = `${words} inspect many.safetensors | head -1`;
    const { stdout, stderr } = spawnSync('sh', ['-c', line], {
      cwd: folder.path,
      encoding: 'utf8',
    });
    expect({ stdout, stderr }).toEqual({
      stdout: expect.stringMatching(/^many\.safetensors: safetensors, 5,000 tensors/u) as string,
      stderr: '',
    });
  });
});
