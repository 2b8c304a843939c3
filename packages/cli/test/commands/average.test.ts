import { linkSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decayWeights, exponentialWeights } from '@polyak/core/rules';
import { run } from '#program';
import { Folder, vector } from '../files.js';
import { surroundings } from '../surroundings.js';

const folder = new Folder();
// Powers of two, so that a sum of these has one meaning, and weights can be read off.
const VALUES = [1, 8, 64];
const [a = '', b = '', c = ''] = VALUES.map((value, index) =>
  folder.write(`step-${1000 * (index + 1)}.safetensors`, {
    'layer.weight': vector(value, -value, 2 * value),
    'layer.bias': vector(value),
    count: { dtype: 'int32', shape: [1], data: Int32Array.of(value) },
  }),
);

async function polyak(
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const { context, stdout, stderr } = surroundings();
  const code = await run(args, context);
  return { code, stdout: stdout(), stderr: stderr() };
}

/** The merged bias, which is the weighted sum of VALUES. */
async function merged(...args: readonly string[]): Promise<number | undefined> {
  const output = folder.at('merged.safetensors');
  const { code, stderr } = await polyak(...args, '-o', output, '--force');
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return folder.read('merged.safetensors').tensors['layer.bias']?.data[0] as number;
}

const sum = (weights: readonly number[]): number =>
  Math.fround(weights.reduce((total, weight, n) => total + weight * (VALUES[n] ?? NaN), 0));

describe('polyak average', () => {
  it('writes the mean', async () => {
    expect(await merged('average', a, b, c)).toBe(Math.fround(73 / 3));
    expect(folder.read('merged.safetensors').tensors['layer.weight']?.data).toEqual(
      Float32Array.of(73 / 3, -73 / 3, 146 / 3),
    );
  });

  it('weighs checkpoints', async () => {
    expect(await merged('average', a, b, c, '--weights', '1,2,5')).toBe(337 / 8);
    expect(await merged('average', a, b, '--weights', '-1,1', '--no-normalize')).toBe(7);
    expect(await merged('average', a, b, c, '--ema', '0.5')).toBe(sum(exponentialWeights(0.5, 3)));
  });

  it.each(['linear', 'cosine', 'minus-sqrt'] as const)('decays by %s', async (decay) => {
    expect(await merged('average', a, b, c, '--decay', decay)).toBe(sum(decayWeights(decay, 3)));
  });

  it('selects from a folder, and expands patterns in numeric order', async () => {
    const numbered = new Folder();
    for (const [number, value] of [
      [9, 4],
      [10, 16],
      [200, 1024],
    ] as const) {
      numbered.write(`step-${number}.safetensors`, { 'layer.bias': vector(value) });
    }
    expect(await merged('average', numbered.path, '--from', '9', '--to', '10')).toBe(10);
    const pattern = numbered.at('step-*.safetensors');
    expect(await merged('average', pattern, '--weights', '1,0,0')).toBe(4);
    expect(await merged('average', pattern, '--weights', '0,0,1')).toBe(1024);
  });

  it('refuses names out of order where it takes the oldest first', async () => {
    const output = folder.at('unordered.safetensors');
    for (const option of [
      ['--ema', '0.5'],
      ['--decay', 'linear'],
    ]) {
      const { code, stderr } = await polyak('average', a, c, b, ...option, '-o', output);
      expect(code).toBe(2);
      expect(stderr).toContain(`oldest first, but ${c} stands before ${b}. Quote a pattern`);
    }
    expect(readdirSync(folder.path)).not.toContain('unordered.safetensors');
  });

  it('warns of names out of order where the order counts', async () => {
    const output = folder.at('warned.safetensors');
    const warned = async (...args: readonly string[]): Promise<string> =>
      (await polyak(...args, '-o', output, '--force')).stderr;
    const found = `, and ${c} stands before ${b}. Quote a pattern`;
    const weights = ['--weights', '1,2,3', '--include', '*.bias'];
    expect(await warned('average', a, c, b, ...weights)).toContain(`warning: --weights stand`);
    expect(await warned('average', a, b, c, ...weights)).not.toContain('warning');
    expect(await warned('merge', '--method', 'slerp', c, b, '--t', '0.3')).toContain(found);
    // Integers that differ are those of the last one.
    expect(await warned('average', a, c, b)).toContain(
      `warning: the last checkpoint gives what is not merged${found}`,
    );
    expect(await warned('average', a, b, c)).not.toContain('warning');
    const equal = [1, 10, 2].map((step) =>
      folder.write(`equal-${step}.safetensors`, { w: vector(step), v: vector(1) }),
    );
    expect(await warned('average', ...equal)).not.toContain('warning');
    expect(await warned('average', ...equal, '--exclude', 'v')).toContain('gives what is not');
    expect(await warned('average', ...equal, '--exclude', 'v', '--dry-run')).toContain(
      'gives what',
    );
  });

  it('warns of a checkpoint that is given more than once, by any path', async () => {
    const own = new Folder();
    const [one, two] = [1, 2].map((value) =>
      own.write(`${value}.safetensors`, { w: vector(value) }),
    );
    symlinkSync(own.at('1.safetensors'), own.at('link.safetensors'));
    linkSync(own.at('1.safetensors'), own.at('hard.safetensors'));
    mkdirSync(own.at('model'));
    own.write('model/model.safetensors', { w: vector(7) });
    const warnings = async (...args: readonly string[]): Promise<readonly string[]> => {
      const { code, stderr } = await polyak('average', ...args, '-o', own.at('out'), '--force');
      expect({ code, stderr }).toMatchObject({ code: 0 });
      return stderr.split('\n').filter((line) => line.includes('warning'));
    };
    const start = 'polyak: warning: one checkpoint is given';
    const again = `${own.path}/./1.safetensors`;
    expect(await warnings(one ?? '', two ?? '')).toEqual([]);
    expect(await warnings(one ?? '', two ?? '', again)).toEqual([
      `${start} 2 times, and counts as often: ${one}, ${again}`,
    ]);
    const links = [own.at('link.safetensors'), own.at('hard.safetensors')];
    expect(await warnings(...links, one ?? '')).toEqual([
      `${start} 3 times, and counts as often: ${links.join(', ')}, ${one}`,
    ]);
    expect(await warnings(own.at('model'), own.at('model/model.safetensors'))).toHaveLength(1);
  });

  it('says how many tensors were merged, and how many copied from where', async () => {
    const output = folder.at('counted.safetensors');
    const args = ['average', a, b, '-o', output, '--force'];
    expect((await polyak(...args)).stdout).toContain(`${output}: 3 tensors, `);
    expect((await polyak(...args, '--exclude', 'count')).stdout).toContain(
      `${output}: 2 tensors merged, 1 copied from ${b}, `,
    );
  });

  it('refuses an empty path, standard output as the output, and a plan for no folder', async () => {
    const output = folder.at('refused.safetensors');
    expect((await polyak('average', '', '-o', output)).stderr).toContain('Expected a path.');
    expect((await polyak('average', a, '-o', '')).stderr).toContain('Expected a path.');
    expect((await polyak('average', a, '-o', '-')).stderr).toContain('Name a file; one of this');
    const missing = await polyak('average', a, '-o', folder.at('no/x'), '--dry-run');
    expect(missing).toMatchObject({ code: 3, stdout: '' });
    expect(missing.stderr).toContain(`there is no folder ${folder.at('no')}. Make it first.`);
  });

  it('renames, leaves out and changes the dtype', async () => {
    const output = folder.at('half.safetensors');
    const names = ['--exclude', 'bias', '--rename', 'layer.*=*'];
    const { code } = await polyak('average', a, b, ...names, '--dtype', 'float16', '-o', output);
    expect(code).toBe(0);
    const { tensors } = folder.read('half.safetensors');
    expect(Object.keys(tensors).toSorted()).toEqual(['bias', 'count', 'weight']);
    expect(tensors['weight']).toMatchObject({ dtype: 'float16', shape: [3] });
  });

  it('warns of integers that differ', async () => {
    const { stderr } = await polyak('average', a, b, '-o', folder.at('integers.safetensors'));
    expect(stderr).toContain(
      `polyak: taken from the last checkpoint, ${b}, as they differ: count\n`,
    );
  });

  it('prints one JSON object, and nothing else on stdout', async () => {
    const output = folder.at('json.safetensors');
    const { code, stdout } = await polyak('average', a, b, '-o', output, '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      kind: 'merged',
      output,
      inputs: [a, b],
      files: ['json.safetensors'],
      merged: 3,
      fromLast: ['count'],
    });
  });

  it('prints nothing where it is to be quiet', async () => {
    const output = folder.at('quiet.safetensors');
    expect(await polyak('average', a, b, '-o', output, '--quiet')).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
  });

  it('prints the plan and writes nothing with --dry-run', async () => {
    const output = folder.at('planned.safetensors');
    const args = ['average', a, b, '--exclude', '*.bias', '-o', output, '--dry-run'];
    const { code, stdout } = await polyak(...args);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /would write .*planned[^]*copied {4}layer\.bias: from .*step-2000[^]*to read {3}\d/u,
    );
    expect(readdirSync(folder.path)).not.toContain('planned.safetensors');
  });

  it('has a code for each kind of refusal', async () => {
    const other = folder.write('other.safetensors', { 'layer.bias': vector(1, 2) });
    const nan = folder.write('nan.safetensors', { x: vector(1, NaN) });
    const output = folder.at('refused.safetensors');
    const code = async (...args: readonly string[]): Promise<number> =>
      (await polyak('average', ...args)).code;
    expect(await code(a, '-o', folder.at('no/folder.safetensors'))).toBe(3);
    expect(await code(a, b, '-o', output, '--weights', '1,2,3')).toBe(2);
    expect(await code(a, b, '-o', output, '--weights', '1,-1')).toBe(2);
    expect(await code('no*such', '-o', output)).toBe(2);
    expect(await code(a, other, '-o', output)).toBe(3);
    expect(await code('nosuch', '-o', output)).toBe(3);
    expect(await code(nan, '-o', output)).toBe(4);
    expect(await code(a, '-o', b)).toBe(5);
    expect(readdirSync(folder.path)).not.toContain('refused.safetensors');
  });

  it('names the option that replaces a file', async () => {
    expect((await polyak('average', a, '-o', b)).stderr).toMatch(/exists.* --force /u);
  });

  it('leaves nothing behind where it is interrupted', async () => {
    const large = new Folder();
    const data = new Float32Array(2 ** 23).fill(2);
    const input = large.write('large.safetensors', {
      x: { dtype: 'float32', shape: [2 ** 23], data },
    });
    const interruption = new AbortController();
    const { context, stderr } = surroundings(false, interruption.signal);
    // At the first line of the progress.
    const write = context.stderr.write.bind(context.stderr);
    context.stderr.write = (text: string | Uint8Array): boolean => {
      interruption.abort();
      return write(text);
    };
    const code = await run(['average', input, input, '-o', large.at('mean.safetensors')], context);
    expect(code).toBe(130);
    expect(stderr()).toMatch(/\npolyak: interrupted\. Where a part [^\n]*\n$/u);
    expect(readdirSync(large.path)).toEqual(['large.safetensors']);
  });
});
