// Outputs that are staged and published: what is in the folder after each way it can end.
import { chmod, link, mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StageOptions } from '@polyak/checkpoints/node';
import { inputStates, prepareOutput, stageOutput } from '@polyak/checkpoints/node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { contentsOf, layoutOf, writeUnits } from './output.js';

const ONE = { 'mean.bin': 10_000 };
const THREE = { 'mean-1.bin': 5_000, 'mean-2.bin': 3_001, 'mean.json': 99 };
const NEW: StageOptions = { request: 'mean', inputs: [] };
const UNIT = { seed: 1, unit: 1_000 };

let folder = '';
let output = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'polyak-stage-'));
  output = join(folder, 'mean.bin');
});

afterEach(async () => rm(folder, { recursive: true }));

const contents = async (name: string): Promise<Buffer> => readFile(join(folder, name));

/** The names in the folder. */
const names = async (): Promise<string[]> => (await readdir(folder)).toSorted();

/** A merge that stopped after some of its units. */
async function interrupt(files: Readonly<Record<string, number>>, path = output): Promise<void> {
  const staged = await stageOutput(path, layoutOf(files), NEW);
  for (const unit of [1, 2]) {
    await staged.write(Object.keys(files)[0] ?? '', 0, contentsOf('half', 2_000, 7));
    await staged.checkpoint(unit);
  }
  await staged.abandon();
}

describe('a staged output', () => {
  it('appears under its name when it is published, and nothing else is left', async () => {
    const staged = await stageOutput(output, layoutOf(ONE), NEW);
    await writeUnits(staged, ONE, UNIT);
    expect(await names()).not.toContain('mean.bin');
    await staged.publish();
    expect(await names()).toEqual(['mean.bin']);
    expect(await contents('mean.bin')).toEqual(Buffer.from(contentsOf('mean.bin', 10_000, 1)));
  });

  it('takes writes of one file in any order and at once', async () => {
    const bytes = contentsOf('mean.bin', 10_000, 3);
    const staged = await stageOutput(output, layoutOf(ONE), NEW);
    const positions = Array.from({ length: 10 }, (_, index) => ((index * 7) % 10) * 1_000);
    await Promise.all(
      positions.map((at) => staged.write('mean.bin', at, bytes.subarray(at, at + 1_000))),
    );
    await staged.publish();
    expect(await contents('mean.bin')).toEqual(Buffer.from(bytes));
  });

  it('refuses bytes outside of the layout', async () => {
    const staged = await stageOutput(output, layoutOf(ONE), NEW);
    await expect(staged.write('mean.bin', 9_999, new Uint8Array(2))).rejects.toThrow(RangeError);
    await expect(staged.write('other.bin', 0, new Uint8Array(2))).rejects.toThrow(RangeError);
    await staged.abandon();
  });

  it('is removed if it is abandoned before a checkpoint', async () => {
    const staged = await stageOutput(join(folder, 'mean.json'), layoutOf(THREE), NEW);
    await staged.write('mean-1.bin', 0, new Uint8Array(10));
    await staged.abandon();
    expect(await names()).toEqual([]);
  });

  it('has the name of the last file of its layout', async () => {
    const staged = stageOutput(output, layoutOf(THREE), NEW);
    await expect(staged).rejects.toThrow('readers open is "mean.json". Name it');
    expect(await names()).toEqual([]);
  });

  it('cannot be written by two at once', async () => {
    const staged = await stageOutput(output, layoutOf(ONE), NEW);
    const busy = expect.objectContaining({ code: 'ERR_BUSY' }) as Error;
    const force = { ...NEW, force: true };
    await expect(stageOutput(output, layoutOf(ONE), force)).rejects.toThrow(busy);
    await expect(prepareOutput(output, { force: true })).rejects.toThrow(`process ${process.pid}`);
    await staged.abandon();
    await (await stageOutput(output, layoutOf(ONE), force)).abandon();
  });

  it('names no file outside of its folder', async () => {
    for (const name of ['../x', '/x', 'a/../../x', 'a//x', '.', '']) {
      const layout = layoutOf({ [name]: 10, 'mean.bin': 10 });
      await expect(stageOutput(output, layout, NEW)).rejects.toThrow('in the folder of the output');
    }
    expect(await names()).toEqual([]);
  });

  it('needs its folder to exist', async () => {
    const path = join(folder, 'none', 'mean.bin');
    await expect(prepareOutput(path)).rejects.toThrow('Make it first');
  });

  it('refuses a path that names no file', async () => {
    for (const path of ['', join(folder, 'new/')]) {
      await expect(prepareOutput(path)).rejects.toThrow('is not the name of a file');
    }
  });
});

describe('an output that exists', () => {
  it('is replaced with force only, and keeps its mode', async () => {
    await writeFile(output, 'old');
    await chmod(output, 0o440);
    const exists = expect.objectContaining({ code: 'ERR_EXISTS' }) as Error;
    await expect(prepareOutput(output)).rejects.toThrow(exists);
    await expect(stageOutput(output, layoutOf(ONE), NEW)).rejects.toThrow(exists);
    expect(await names()).toEqual(['mean.bin']);

    const staged = await stageOutput(output, layoutOf(ONE), { ...NEW, force: true });
    await writeUnits(staged, ONE, UNIT);
    expect(await readFile(output, 'utf8')).toBe('old');
    await staged.publish();
    expect(await contents('mean.bin')).toEqual(Buffer.from(contentsOf('mean.bin', 10_000, 1)));
    expect((await stat(output)).mode & 0o777).toBe(0o440);
  });

  it('is not replaced if it appeared in the meantime', async () => {
    const staged = await stageOutput(output, layoutOf(ONE), NEW);
    await writeUnits(staged, ONE, UNIT);
    await writeFile(output, 'of another program');
    await expect(staged.publish()).rejects.toThrow('exists');
    await staged.abandon();
    expect(await readFile(output, 'utf8')).toBe('of another program');
    const { request } = NEW;
    expect(await prepareOutput(output, { request, resume: true, force: true })).toBe(true);
    expect(await contents('mean.bin')).toEqual(Buffer.from(contentsOf('mean.bin', 10_000, 1)));
    expect(await names()).toEqual(['mean.bin']);
  });

  it('stays where a link leads; other hard links keep the old contents', async () => {
    await mkdir(join(folder, 'elsewhere'));
    const target = join(folder, 'elsewhere', 'real.bin');
    await writeFile(target, 'old');
    await link(target, join(folder, 'hard.bin'));
    await symlink(join('elsewhere', 'real.bin'), output);
    const staged = await stageOutput(output, layoutOf(ONE), { ...NEW, force: true });
    await writeUnits(staged, ONE, UNIT);
    await staged.publish();
    expect(await readFile(target)).toEqual(Buffer.from(contentsOf('mean.bin', 10_000, 1)));
    expect(await contents('mean.bin')).toEqual(await readFile(target));
    expect((await contents('hard.bin')).toString()).toBe('old');
    expect(await names()).toEqual(['elsewhere', 'hard.bin', 'mean.bin']);
  });

  it('is refused if it is not a file', async () => {
    await mkdir(output);
    await expect(prepareOutput(output, { force: true })).rejects.toThrow('is not a file');
    await expect(prepareOutput('/dev/full', { force: true })).rejects.toThrow('is not a file');
  });

  it('loses the files that only its old index names', async () => {
    const index = join(folder, 'mean.json');
    for (const name of ['mean-1.bin', 'old-2.bin', 'other.bin', 'mean.json']) {
      await writeFile(join(folder, name), 'old');
    }
    const replaces = [
      join(folder, 'mean-1.bin'),
      join(folder, 'old-2.bin'),
      index,
      '/etc/hostname',
    ];
    const staged = await stageOutput(index, layoutOf(THREE), { ...NEW, force: true, replaces });
    await writeUnits(staged, THREE, UNIT);
    await staged.publish();
    expect(await names()).toEqual(['mean-1.bin', 'mean-2.bin', 'mean.json', 'other.bin']);
    expect((await stat('/etc/hostname')).isFile()).toBe(true);
  });
});

describe('an interrupted output', () => {
  it('is left alone without resume and force', async () => {
    await interrupt(ONE);
    const left = ['.mean.bin.polyak-journal', '.mean.bin.polyak-partial'];
    expect(await names()).toEqual(left);
    await expect(prepareOutput(output)).rejects.toThrow('was interrupted');
    await expect(stageOutput(output, layoutOf(ONE), NEW)).rejects.toThrow('was interrupted');
    expect(await names()).toEqual(left);
  });

  it('goes on with what was given to its last checkpoint', async () => {
    await interrupt(ONE);
    expect(await prepareOutput(output, { resume: true })).toBe(false);
    const staged = await stageOutput(output, layoutOf(ONE), { ...NEW, resume: true });
    expect(staged.progress).toBe(2);
    await writeUnits(staged, ONE, UNIT);
    await staged.publish();
    const expected = contentsOf('mean.bin', 10_000, 1);
    expected.set(contentsOf('half', 2_000, 7));
    expect(await contents('mean.bin')).toEqual(Buffer.from(expected));
    expect(await names()).toEqual(['mean.bin']);
  });

  it('is begun again with force, with other files too', async () => {
    await interrupt(THREE, join(folder, 'mean.json'));
    const files = { 'part.bin': 2_000, 'mean.json': 50 };
    const options = { ...NEW, force: true };
    const staged = await stageOutput(join(folder, 'mean.json'), layoutOf(files), options);
    expect(staged.progress).toBeUndefined();
    await writeUnits(staged, files, UNIT);
    await staged.publish();
    expect(await names()).toEqual(['mean.json', 'part.bin']);
  });

  it('is not resumed with another plan, and says what differs', async () => {
    const input = join(folder, 'input.bin');
    await writeFile(input, 'input');
    const options = { request: 'mean', inputs: await inputStates([input]), resume: true };
    const staged = await stageOutput(output, layoutOf(ONE), options);
    await staged.checkpoint(1);
    await staged.abandon();

    const other = { ...options, request: 'another' };
    await expect(stageOutput(output, layoutOf(ONE), other)).rejects.toThrow(
      'other inputs, options',
    );
    const larger = layoutOf({ 'mean.bin': 10_001 });
    await expect(stageOutput(output, larger, options)).rejects.toThrow('other inputs, options');
    await writeFile(input, 'changed');
    const changed = { ...options, inputs: await inputStates([input]) };
    await expect(stageOutput(output, layoutOf(ONE), changed)).rejects.toThrow(
      `these inputs have changed since: ${input}`,
    );
    await (await stageOutput(output, layoutOf(ONE), options)).abandon();
  });

  it('is not resumed if its staged file is gone', async () => {
    await interrupt(ONE);
    await rm(join(folder, '.mean.bin.polyak-partial'));
    const options = { ...NEW, resume: true };
    await expect(stageOutput(output, layoutOf(ONE), options)).rejects.toThrow('is gone');
  });

  it('refuses a journal that is not one', async () => {
    for (const text of ['', 'null', '{"version":2}', '{"version":2,"files":[]}']) {
      await writeFile(join(folder, '.mean.bin.polyak-journal'), text);
      const refused = expect.objectContaining({ code: 'ERR_CHECKPOINT' }) as Error;
      await expect(prepareOutput(output, { resume: true })).rejects.toThrow(refused);
    }
  });
});
