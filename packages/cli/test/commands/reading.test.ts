import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { toSafetensors } from '@polyak/core';
import { run } from '#program';
import { Folder, vector } from '../files.js';
import { surroundings } from '../surroundings.js';

const folder = new Folder();
const a = folder.write('a.safetensors', { w: vector(3, -4, NaN), b: vector(1) }, { format: 'pt' });
const b = folder.write('b.safetensors', { w: vector(3, -2, NaN), b: vector(1), c: vector(0) });

async function polyak(...args: readonly string[]): Promise<string> {
  const { context, stdout, stderr } = surroundings();
  const code = await run([...args, '--quiet'], context);
  expect({ code, stderr: stderr() }).toEqual({ code: 0, stderr: '' });
  return stdout();
}

/** Lines with one space where columns are apart. */
const lines = (text: string): readonly string[] =>
  text
    .trim()
    .split('\n')
    .map((line) => line.trim().replaceAll(/ {2,}/gu, ' '));

describe('polyak inspect', () => {
  it('lists the tensors and the metadata', async () => {
    expect(lines(await polyak('inspect', a))).toEqual([
      expect.stringMatching(/a\.safetensors: safetensors, 2 tensors, \d+ bytes in 1 file$/u),
      'format: pt',
      '',
      'tensor dtype shape size',
      'b float32 [1] 4 bytes',
      'w float32 [3] 12 bytes',
    ]);
  });

  it('prints statistics of the elements that are finite, and counts the others', async () => {
    expect(lines(await polyak('inspect', a, '--statistics', '--include', 'w')).slice(-2)).toEqual([
      'tensor dtype shape least largest mean rms NaN infinite',
      'w float32 [3] -4 3 -0.5 3.53553 1 0',
    ]);
  });

  it('prints the same as JSON', async () => {
    expect(JSON.parse(await polyak('inspect', a, '--json'))).toMatchObject({
      format: 'safetensors',
      metadata: { format: 'pt' },
      tensors: [
        { name: 'b', dtype: 'float32', shape: [1], bytes: 4 },
        { name: 'w', dtype: 'float32', shape: [3], bytes: 12 },
      ],
    });
  });

  it('shows no control characters of a file', async () => {
    const odd = folder.write('odd.safetensors', { '\u001b[2J': vector(1) }, { x: '\u001b]0;' });
    expect(await polyak('inspect', odd)).not.toContain('\u001b');
  });
});

describe('polyak diff', () => {
  it('prints the tensors that differ', async () => {
    expect(lines(await polyak('diff', a, b))).toEqual([
      '2 of 3 tensors differ',
      '',
      'tensor shape dtype largest at rms relative cosine',
      expect.stringMatching(/^w \[3\] float32 2 1 1\.41421 0\.4 0\.9\d+/u),
      'c second only',
    ]);
  });

  it('prints the same as JSON', async () => {
    const { tensors } = JSON.parse(await polyak('diff', a, b, '--json')) as {
      readonly tensors: readonly unknown[];
    };
    expect(tensors).toMatchObject([
      { name: 'b', kind: 'both', isSame: true },
      { name: 'w', kind: 'both', isSame: false, values: { largest: 2, largestAt: 1 } },
      { name: 'c', kind: 'second only' },
    ]);
  });
});

describe('polyak diff --html', () => {
  it('writes a page, and replaces one only with --force', async () => {
    const page = folder.at('difference.html');
    await polyak('diff', a, b, '--html', page);
    expect(readFileSync(page, 'utf8')).toContain('<svg');
    const { context } = surroundings();
    expect(await run(['diff', a, b, '--html', page], context)).toBe(5);
    await polyak('diff', a, b, '--html', page, '--force');
  });
});

describe('polyak state', () => {
  const state = {
    version: 1,
    averages: {
      swa: { rule: 'equal', nAvg: [12], swaState: { w: vector(1, 2), b: vector(3) }, window: [] },
    },
    paramGroups: [{ params: Array.from({ length: 20 }, (_, n) => `p${n}`), stepCounter: NaN }],
    $own: null,
  };
  const path = folder.at('state.safetensors');
  writeFileSync(path, toSafetensors(state));

  it('outlines averages, counters and names', async () => {
    expect(await polyak('state', path)).toBe(`version: 1
averages:
  swa:
    rule: equal
    nAvg: [12]
    swaState: 2 tensors, 12 bytes
    window: none
paramGroups:
  0:
    params: [p0, p1, p2, p3, p4, p5, p6, p7 and 12 more]
    stepCounter: NaN
$own: null
`);
  });

  it('prints the whole as JSON', async () => {
    expect(JSON.parse(await polyak('state', path, '--json'))).toMatchObject({
      state: { averages: { swa: { nAvg: [12] } } },
    });
  });

  it('refuses a state of a later version by name', async () => {
    const later = folder.at('later.safetensors');
    const text = readFileSync(path, 'latin1');
    writeFileSync(later, text.replace('version\\":1', 'version\\":2'), 'latin1');
    const { context, stderr } = surroundings();
    expect(await run(['state', later], context)).toBe(3);
    expect(stderr()).toContain('has version 2, expected 1');
  });

  it('refuses files without a state', async () => {
    const { context, stderr } = surroundings();
    expect(await run(['state', a], context)).toBe(3);
    expect(stderr()).toContain('use polyak inspect');
    const other = folder.at('state.pt');
    writeFileSync(other, 'PK\u0003\u0004');
    for (const file of [other, folder.at('none.safetensors')]) {
      expect(await run(['state', file], context)).toBe(3);
      expect(stderr()).toContain(`${file}: `);
    }
  });
});

describe('polyak convert', () => {
  it('changes names and dtypes, and lets NaN through', async () => {
    const args = ['--rename', 'w=weight', '--dtype', 'bfloat16', '-o', folder.at('c.safetensors')];
    await polyak('convert', a, ...args);
    const { tensors, metadata } = folder.read('c.safetensors');
    expect(Object.keys(tensors).toSorted()).toEqual(['b', 'weight']);
    expect(tensors['weight']).toMatchObject({ dtype: 'bfloat16', shape: [3] });
    expect(metadata).toMatchObject({ format: 'pt' });
  });
});
