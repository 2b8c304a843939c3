// The whole tool, with fake programs: what it runs, what it keeps, and that it can be ended at any
// moment.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Workshop } from './fake-tools.js';

const workshops: Workshop[] = [];

function workshop(...tools: ConstructorParameters<typeof Workshop>): Workshop {
  const made = new Workshop(...tools);
  workshops.push(made);
  return made;
}

afterEach(() => {
  for (const { project } of workshops.splice(0))
    rmSync(project, { recursive: true, maxRetries: 20 });
});

const LAST_LINE = /\nTensorFlow 2\.21\.0 on CPU, TensorFlow\.js 4\.22\.0, Node \S+\n$/u;

describe('polyak-tensorflow-native', () => {
  it('fetches, installs, compiles and checks; a second time it only checks', async () => {
    const shop = workshop();
    expect(await shop.run()).toMatchObject({
      code: 0,
      error: '',
      output: expect.stringMatching(LAST_LINE) as string,
    });
    expect(shop.takeCalls()).toEqual([
      expect.stringMatching(/^python3 -m pip install .*--no-deps tensorflow-cpu==2\.21\.0$/u),
      expect.stringMatching(/^npm install --ignore-scripts /u),
      expect.stringMatching(
        /^c\+\+ .*-DNAPI_VERSION=8 .*tfjs_backend\.cc .*-l:libtensorflow_cc\.so\.2 /u,
      ),
    ]);
    expect(await shop.run()).toMatchObject({
      code: 0,
      output: expect.stringMatching(LAST_LINE) as string,
    });
    expect(shop.takeCalls()).toEqual([]);
    expect(await shop.run(['check'])).toMatchObject({ code: 0, error: '' });
  });

  it.each([
    ['python3', ['python3', 'npm', 'c++']],
    ['npm', ['npm', 'c++']],
    ['c++', ['c++']],
  ])('goes on after a kill -9 halfway through %s', async (program, expected) => {
    const shop = workshop();
    await shop.kill(program);
    shop.takeCalls();
    expect(await shop.run()).toMatchObject({
      code: 0,
      error: '',
      output: expect.stringMatching(LAST_LINE) as string,
    });
    expect(shop.takeCalls().map((call) => call.split(' ', 1)[0])).toEqual(expected);
    const folder = join(shop.project, '.tensorflow-native');
    for (const name of readdirSync(folder))
      expect(existsSync(join(folder, name, 'half'))).toBe(false);
  });

  it('builds another addon for another TensorFlow, and reuses the first', async () => {
    const shop = workshop();
    await shop.run();
    const addon = join(
      shop.project,
      '.tensorflow-native/node_modules/@tensorflow/tfjs-node/lib/napi-v8/tfjs_binding.node',
    );
    writeFileSync(addon, 'of 2.21.0');
    shop.takeCalls();
    await shop.run(['--version', '2.20.0']);
    expect(shop.takeCalls().map((call) => call.split(' ', 1)[0])).toEqual(['python3', 'c++']);
    expect(readFileSync(addon, 'utf8')).toBe('whole\n');
    await shop.run();
    expect(shop.takeCalls()).toEqual([]);
    expect(readFileSync(addon, 'utf8')).toBe('of 2.21.0');
  });

  it('takes the CUDA libraries with --gpu, and no Python at all with --tensorflow', async () => {
    const shop = workshop();
    await shop.run(['--gpu']);
    expect(shop.takeCalls()[0]).toMatch(/ tensorflow\[and-cuda\]==2\.21\.0$/u);
    const there = join(shop.project, '.tensorflow-native/tensorflow-gpu-2.21.0/tensorflow');
    const other = workshop(['npm', 'c++']);
    expect(await other.run(['--tensorflow', there])).toMatchObject({ code: 0 });
    expect(other.takeCalls().map((call) => call.split(' ', 1)[0])).toEqual(['npm', 'c++']);
  });

  it('gives the addon to the packages of the project too, but for other versions', async () => {
    const shop = workshop();
    const own = (name: string, version: string): string => {
      const folder = join(shop.project, 'node_modules/@tensorflow', name);
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, 'package.json'), JSON.stringify({ version }));
      return folder;
    };
    const [same, older] = [own('tfjs-node-gpu', '4.22.0'), own('tfjs-node', '4.10.0')];
    const { output } = await shop.run();
    expect(readFileSync(join(same, 'lib/napi-v8/tfjs_binding.node'), 'utf8')).toBe('whole\n');
    expect(readdirSync(older)).toEqual(['package.json']);
    expect(output).toContain(`also for ${same}\n`);
    expect(output).toContain(`not for ${older} (4.10.0): the addon is for 4.22.0\n`);
  });

  it('says all that is missing at once, a line each, and writes nothing', async () => {
    const shop = workshop([]);
    const { code, error } = await shop.run();
    expect(code).toBe(1);
    expect(error.trimEnd().split('\n')).toEqual([
      'python3 is missing. Install Python (Debian: apt-get install python3-pip), or name one ' +
        'with --python.',
      'npm is missing. It comes with Node: put it on PATH.',
      'The C++ compiler c++ is missing. Install one (Debian: apt-get install g++), or name one ' +
        'in CXX.',
    ]);
    expect(existsSync(join(shop.project, '.tensorflow-native'))).toBe(false);
  });

  it('says in one line that Python has no pip', async () => {
    const shop = workshop();
    const python = join(shop.project, 'python');
    writeFileSync(python, '#!/bin/sh\n[ "$*" = --version ]\n', { mode: 0o755 });
    const { code, error } = await shop.run(['--python', python]);
    expect([code, error]).toEqual([
      1,
      `${python} has no pip. Install it (Debian: apt-get install python3-pip), or name another ` +
        'Python with --python.\n',
    ]);
  });

  it.each([
    [
      'a pip that fails',
      [],
      { FAKE_PIP_CODE: '1' },
      /^python3 ended with 1, .* by --version, .*\n$/u,
    ],
    [
      'a folder without TensorFlow',
      ['--tensorflow', '.'],
      {},
      /^\S+ is not TensorFlow's folder: it lacks libtensorflow_cc\.so\.2\. .*\n$/u,
    ],
    [
      'a product that is wrong',
      [],
      { FAKE_PRODUCT: '7 10 15 23' },
      /^TensorFlow multiplies .* to 7 10 15 23, expected 7 10 15 22\.\n/u,
    ],
    [
      'a check before anything is built',
      ['check'],
      {},
      /^The addon in \S+ cannot be loaded \(.*\)\. Run polyak-tensorflow-native to build it\.\n$/u,
    ],
  ])('refuses %s', async (_, args, env, message) => {
    const { code, error } = await workshop().run(args, env);
    expect(code).toBe(1);
    expect(error).toMatch(message);
  });
});
