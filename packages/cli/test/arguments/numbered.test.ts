import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { numberedCheckpoints, selectNumbered } from '#arguments/numbered';

const ALL = { from: 0, to: Infinity };
const numbersOf = (names: readonly string[], range = ALL): readonly number[] =>
  selectNumbered(names, range).map(({ number }) => number);

describe('selectNumbered', () => {
  it('takes both ends of the range, in numeric order', () => {
    const names = ['step-9.safetensors', 'step-100.safetensors', 'step-20.safetensors'];
    expect(selectNumbered(names, { from: 9, to: 20 })).toEqual([
      { name: 'step-9.safetensors', number: 9 },
      { name: 'step-20.safetensors', number: 20 },
    ]);
    expect(numbersOf(names)).toEqual([9, 20, 100]);
  });

  it.each([
    ['step-840000.safetensors', 840_000],
    ['iter_0840000', 840_000],
    ['checkpoint-840000', 840_000],
    ['model-840000.safetensors.index.json', 840_000],
  ])('reads the number of %s', (name, number) => {
    expect(numbersOf([name])).toEqual([number]);
  });

  it('takes the number that differs between the names', () => {
    expect(numbersOf(['llama-7b-step-1000', 'llama-7b-step-2000'])).toEqual([1000, 2000]);
  });

  it('takes the one number of a name that is in the range', () => {
    expect(numbersOf(['v2-step-500-fp16'], { from: 100, to: 900 })).toEqual([500]);
  });

  it('lists every ambiguous name', () => {
    const names = ['epoch-1-step-500', 'epoch-2-step-900', 'last', 'v2-x3'];
    expect(() => selectNumbered(names, ALL)).toThrow(
      /epoch-1-step-500 \(1 or 500\); epoch-2-step-900 \(2 or 900\); v2-x3 \(2 or 3\)/u,
    );
  });

  it('lists names with the same number', () => {
    expect(() => selectNumbered(['step-5.safetensors', 'iter_5', 'step-6.onnx'], ALL)).toThrow(
      'step-5.safetensors and iter_5 (both 5)',
    );
  });
});

describe('numberedCheckpoints', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'polyak-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const touch = (...names: readonly string[]): void => {
    for (const name of names) writeFileSync(join(folder, name), '');
  };

  it('finds folders and files, and no shards, logs and hidden files', async () => {
    touch('step-2.safetensors', 'log-3.txt', '.step-4.safetensors');
    touch('model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors');
    mkdirSync(join(folder, 'step-1'));
    expect(await numberedCheckpoints(folder, ALL)).toEqual([
      { name: join(folder, 'step-1'), number: 1 },
      { name: join(folder, 'step-2.safetensors'), number: 2 },
    ]);
  });

  it('says what there is where no number is in the range', async () => {
    touch('step-1.safetensors', 'last.safetensors');
    await expect(numberedCheckpoints(folder, { from: 5, to: 9 })).rejects.toThrow(
      /no checkpoint with a number from 5 to 9 .* It has .*step-1\.safetensors/u,
    );
  });
});
