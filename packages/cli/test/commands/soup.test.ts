import { readdirSync } from 'node:fs';
import process from 'node:process';
import { stageOutput } from '@polyak/checkpoints/node';
import { describe, expect, it } from 'vitest';
import { run } from '#program';
import { Folder, vector } from '../files.js';
import { surroundings } from '../surroundings.js';

const folder = new Folder();
const inputs = [10, 30, 14, 1].map((value, index) =>
  folder.write(`${index}.safetensors`, { w: vector(value) }),
);
// The distance of the last float of the file from 20.
const distance = `"${process.execPath}" -e "
  const bytes = require('fs').readFileSync(process.argv[1]);
  console.log(Math.abs(bytes.readFloatLE(bytes.length - 4) - 20));"`;

describe('polyak soup', () => {
  it('writes the mean of the checkpoints that do not make the score worse', async () => {
    const { context, stdout, stderr } = surroundings();
    const output = folder.at('soup.safetensors');
    const args = ['soup', '--eval', distance, '--lower', ...inputs, '-o', output, '--json'];
    expect({ code: await run(args, context), stderr: stderr() }).toMatchObject({ code: 0 });
    // 14 alone scores best (6); with 10 it is worse (8), with 30 better (2), then worse with 1.
    expect(folder.read('soup.safetensors').tensors['w']?.data[0]).toBe(22);
    const { score, trials } = JSON.parse(stdout()) as {
      readonly score: number;
      readonly trials: readonly { readonly score: number; readonly kept: boolean }[];
    };
    expect(score).toBe(2);
    expect(trials.map((trial) => [trial.score, trial.kept])).toEqual([
      [10, true],
      [10, true],
      [6, true],
      [19, true],
      [8, false],
      [2, true],
      [5, false],
    ]);
    expect(stderr()).toContain(', left out\n');
    expect(readdirSync(folder.path)).toHaveLength(5);
  });

  it('does not evaluate anything where the output exists', async () => {
    const { context, stderr } = surroundings();
    const [output = ''] = inputs;
    expect(await run(['soup', '--eval', 'exit 1', ...inputs, '-o', output], context)).toBe(5);
    expect(stderr()).toContain('--force');
  });

  it('does not evaluate anything where checkpoints do not fit, or there is no folder', async () => {
    const other = folder.write('other.safetensors', { v: vector(1) });
    const { context, stderr } = surroundings();
    const args = ['soup', '--eval', 'exit 1', inputs[0] ?? ''];
    expect(await run([...args, other, '-o', folder.at('x.safetensors')], context)).toBe(3);
    expect(await run([...args, '-o', folder.at('none/x.safetensors')], context)).toBe(3);
    expect(stderr()).toContain('"w" is missing');
    expect(stderr()).toContain('Make it first');
  });

  it('warns of scores that are all the same, and of a checkpoint that is given twice', async () => {
    const warned = async (command: string, ...given: readonly string[]): Promise<string> => {
      const { context, stderr } = surroundings();
      const output = folder.at('warned.safetensors');
      const args = ['soup', '--eval', command, ...given, '-o', output, '--force'];
      expect({ code: await run(args, context), stderr: stderr() }).toMatchObject({ code: 0 });
      return stderr();
    };
    const [first = '', second = ''] = inputs;
    const same = 'warning: all have the score 0.5: does the command read the file';
    expect(await warned('echo 0.5 #', first, second)).toContain(same);
    expect(await warned('echo 0.5 #', first)).not.toContain(same);
    // 10 and 30 are as far from 20, but their mean is not.
    expect(await warned(distance, first, second)).not.toContain('warning');
    expect(await warned(distance, first, `${folder.path}/./0.safetensors`)).toContain(
      'warning: one checkpoint is given 2 times, and counts as often: ',
    );
  });

  it('says how many tensors were copied, and from where', async () => {
    const own = new Folder();
    const path = own.write('a.safetensors', { w: vector(20), v: vector(1) });
    const { context, stdout } = surroundings();
    const output = own.at('soup.safetensors');
    const args = ['soup', '--eval', 'echo 1 #', path, '--exclude', 'v', '-o', output];
    expect(await run(args, context)).toBe(0);
    expect(stdout()).toBe(
      `${output}: the mean of ${path} (1 tensor merged, 1 copied from ${path}) with the score 1\n`,
    );
  });

  it('does not offer to continue what is interrupted', async () => {
    const output = new Folder().at('interrupted.safetensors');
    const layout = { files: [{ name: 'interrupted.safetensors', pieces: [] }] };
    const staged = await stageOutput(output, layout, { request: {}, inputs: [] });
    await staged.checkpoint(1);
    await staged.abandon();
    const message = async (...args: readonly string[]): Promise<string> => {
      const { context, stderr } = surroundings();
      expect(await run([...args, ...inputs, '-o', output], context)).toBe(5);
      return stderr();
    };
    expect(await message('soup', '--eval', 'exit 1')).toMatch(
      /interrupted\. Pass --force to begin/u,
    );
    expect(await message('average')).toMatch(/Pass --resume to continue it, or --force to begin/u);
  });

  it('removes its temporary file where the command fails', async () => {
    const { context, stderr } = surroundings();
    const args = ['soup', '--eval', 'exit 3 #', ...inputs, '-o', folder.at('failed.safetensors')];
    expect(await run(args, context)).toBe(1);
    expect(stderr()).toContain('ended with exit code 3');
    expect(readdirSync(folder.path).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});
