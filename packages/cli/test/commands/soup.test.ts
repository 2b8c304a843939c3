import { readdirSync } from 'node:fs';
import process from 'node:process';
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
  console.log('distance', Math.abs(bytes.readFloatLE(bytes.length - 4) - 20));"`;

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

  it('removes its temporary file where the command fails', async () => {
    const { context, stderr } = surroundings();
    const args = ['soup', '--eval', 'exit 3 #', ...inputs, '-o', folder.at('failed.safetensors')];
    expect(await run(args, context)).toBe(1);
    expect(stderr()).toContain('ended with exit code 3');
    expect(readdirSync(folder.path).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});
