import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { run } from '#program';
import { Folder, vector } from '../files.js';
import { surroundings } from '../surroundings.js';

const folder = new Folder();
const base = folder.write('base.safetensors', { w: vector(1, 1, 1, 1) });
const a = folder.write('a.safetensors', { w: vector(3, 1, 1, 0) });
const b = folder.write('b.safetensors', { w: vector(7, 1, -3, 4) });
const output = folder.at('merged.safetensors');

async function merge(
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly stderr: string }> {
  const { context, stderr } = surroundings();
  return { code: await run(['merge', ...args, '--quiet'], context), stderr: stderr() };
}

async function merged(...args: readonly string[]): Promise<readonly number[]> {
  expect(await merge(...args, '-o', output, '--force')).toEqual({ code: 0, stderr: '' });
  return [...((folder.read('merged.safetensors').tensors['w']?.data ?? []) as Float32Array)];
}

describe('polyak merge', () => {
  it('merges by each method', async () => {
    expect(await merged('--method', 'linear', a, b)).toEqual([5, 1, -1, 2]);
    const difference = ['--weights', '-1,1', '--no-normalize'];
    expect(await merged('--method', 'linear', a, b, ...difference)).toEqual([4, 0, -4, 4]);
    expect(await merged('--method', 'slerp', '--t', '0', a, b)).toEqual([3, 1, 1, 0]);
    const task = ['--method', 'task-arithmetic', '--base', base, a, b];
    expect(await merged(...task, '--lambda', '0.5')).toEqual([5, 1, -1, 2]);
    expect(await merged(...task, '--weights', '1,0')).toEqual([3, 1, 1, 0]);
    const ties = ['--method', 'ties', '--base', base, '--density', '1', a, b];
    expect(await merged(...ties)).toEqual([5, 1, -3, 4]);
    expect(await merged(...ties, '--elect', 'count')).toEqual([5, 1, -3, 1]);
    const dare = ['--method', 'dare', '--base', base, '--density', '0.5', a, b];
    expect(await merged(...dare, '--seed', '7')).toEqual(await merged(...dare, '--seed', '7'));
    expect(await merged('--method', 'model-stock', '--base', base, a, b)).toHaveLength(4);
  });

  it.each([
    [['--method', 'ties', '--base', base, a, b], 'density is missing'],
    [['--method', 'slerp', '--t', '0.5', '--density', '0.5', a, b], 'density'],
    [['--method', 'slerp', '--t', '0.5', '--no-normalize', a, b], '--no-normalize'],
    [['--method', 'slerp', '--t', '0.5', a, b, a], 'merges 2'],
    [['--method', 'ties', '--density', '0.5', a, b], 'base'],
    [['--method', 'nosuch', a, b], 'Allowed choices'],
    [['--recipe', 'x.yaml', '--density', '0.5'], 'cannot be used with'],
    [['--recipe', 'x.yaml', a], 'the checkpoints stand in the recipe'],
    [[a, b], '--method or --recipe is needed'],
  ])('refuses %j', async (args, message) => {
    const { code, stderr } = await merge(...args, '-o', folder.at('refused.safetensors'));
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining(message) as string,
    });
  });

  it('refuses for a weighted sum what it has no use for', async () => {
    const other = folder.at('refused.safetensors');
    for (const args of [
      ['--base', a],
      ['--t', '0.5'],
    ]) {
      const { code, stderr } = await merge('--method', 'linear', ...args, a, b, '-o', other);
      expect({ code, stderr }).toEqual({
        code: 2,
        stderr: expect.stringMatching(/has no base model|--t is of no use/u) as string,
      });
    }
  });

  it('needs an output', async () => {
    expect(await merge('--method', 'linear', a, b)).toMatchObject({ code: 2 });
  });

  it('merges as a recipe says, with paths beside it', async () => {
    writeFileSync(
      folder.at('merge.yaml'),
      `inputs: [a.safetensors, b.safetensors]
base: base.safetensors
method: ties
options: { density: 1 }
output: recipe.safetensors
`,
    );
    const { context, stdout, stderr } = surroundings();
    const code = await run(['merge', '--recipe', folder.at('merge.yaml'), '--json'], context);
    expect({ code, stderr: stderr() }).toMatchObject({ code: 0 });
    expect(JSON.parse(stdout())).toMatchObject({ inputs: [a, b], kind: 'merged' });
    expect([...(folder.read('recipe.safetensors').tensors['w']?.data ?? [])]).toEqual([
      5, 1, -3, 4,
    ]);
    expect(await merged('--recipe', folder.at('merge.yaml'))).toEqual([5, 1, -3, 4]);
  });

  it('names the line of a recipe that is wrong', async () => {
    writeFileSync(folder.at('wrong.yaml'), 'inputs: [a.safetensors]\nmethod: tiess\n');
    const { code, stderr } = await merge('--recipe', folder.at('wrong.yaml'), '-o', output);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringMatching(/wrong\.yaml:2:/u) as string,
    });
  });
});
