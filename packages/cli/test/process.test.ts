// The command as a process of its own, from its sources.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
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
    expect(stderr).toBe('ready\npolyak: interrupted.\n');
    expect(readdirSync(folder.path).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it.skipIf(process.platform === 'win32')('removes what a killed soup has left', async () => {
    const args = ['soup', a, b, '-o', 'killed.safetensors', '--eval'];
    const child = spawn(process.execPath, [...COMMAND, ...args, 'echo ready >&2; sleep 60 #'], {
      cwd: folder.path,
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    });
    await once(child.stderr, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    const hidden = (): readonly string[] =>
      readdirSync(folder.path).filter((name) => name.startsWith('.'));
    expect(hidden()).toHaveLength(1);
    const { status } = spawnSync(process.execPath, [...COMMAND, ...args, 'echo 1 #'], {
      cwd: folder.path,
    });
    expect({ status, hidden: hidden() }).toEqual({ status: 0, hidden: [] });
  });

  it.skipIf(process.platform === 'win32')('says at once that it may not write a folder', () => {
    // Root may write everywhere, unless it has given up its capabilities.
    const asOthers =
      process.getuid?.() === 0 ? ['setpriv', '--inh-caps=-all', '--bounding-set=-all'] : [];
    mkdirSync(folder.at('closed'), { mode: 0o555 });
    const run = (...args: readonly string[]): unknown => {
      const [file = '', ...words] = [...asOthers, process.execPath, ...COMMAND, ...args];
      const { status, stderr } = spawnSync(file, words, { cwd: folder.path, encoding: 'utf8' });
      return { status, stderr };
    };
    const refused = (output: string): unknown => ({
      status: 1,
      stderr:
        `polyak: ${output}: the folder ${folder.at('closed')} cannot be written (EACCES). ` +
        'Name an output in another folder, or allow this user to write there.\n',
    });
    expect(run('average', a, b, '-o', 'closed/x.safetensors')).toEqual(
      refused('closed/x.safetensors'),
    );
    expect(run('soup', '--eval', 'echo 1 #', a, b, '-o', 'closed/x.safetensors')).toEqual(
      refused('closed/x.safetensors'),
    );
    expect(run('diff', a, b, '--html', 'closed/x.html')).toEqual(refused('closed/x.html'));
  });

  it.skipIf(!existsSync('/dev/full'))('says that its output cannot be written', () => {
    const words = [process.execPath, ...COMMAND].map((word) => `'${word}'`).join(' ');
    const run = (line: string): unknown => {
      const { status, stderr } = spawnSync('sh', ['-c', `${words} ${line}`], {
        cwd: folder.path,
        encoding: 'utf8',
      });
      return { status, stderr };
    };
    const failed = {
      status: 1,
      stderr: expect.stringMatching(
        /^polyak: standard output cannot be written \(ENOSPC.*\)\.\n$/u,
      ) as string,
    };
    expect(run(`inspect ${a} > /dev/full`)).toEqual(failed);
    expect(run(`inspect ${a} --json > /dev/full`)).toEqual(failed);
    expect(run('--help > /dev/full')).toEqual(failed);
    // Messages do not end a merge.
    expect(run(`average ${a} ${b} -o full.safetensors 2> /dev/full`)).toEqual({
      status: 0,
      stderr: '',
    });
    expect(folder.read('full.safetensors').tensors['w']?.data[0]).toBe(1.5);
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
