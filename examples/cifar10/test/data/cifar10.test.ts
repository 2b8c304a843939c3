import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { parseCifar10, readCifar10, sliceImages } from '../../src/data/cifar10.js';
import { encodeCifar10, noise } from '../fixture.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'polyak-cifar10-'));
});
afterEach(async () => rm(folder, { recursive: true }));

const file = encodeCifar10(noise(3, 1));

describe('parseCifar10', () => {
  it('reads labels, and puts the colours of a pixel side by side', () => {
    const record = new Uint8Array(3073);
    record[0] = 7;
    record.set([10, 11], 1); // red of the first two pixels
    record.set([20, 21], 1 + 1024);
    record.set([30, 31], 1 + 2048);
    const { pixels, labels, count } = parseCifar10(record, 'x.bin');
    expect([count, ...labels]).toEqual([1, 7]);
    expect([...pixels.subarray(0, 6)]).toEqual([10, 20, 30, 11, 21, 31]);
  });

  it.each([
    [
      'a file that is cut off',
      file.subarray(0, 9000),
      'x.bin has 9000 bytes, expected a multiple of 3073: ',
    ],
    ['an empty file', file.subarray(0, 0), 'x.bin has 0 bytes, expected a multiple of 3073: '],
    ['a label above 9', file.with(3073, 10), 'x.bin: image 1 has the label 10, expected 0 to 9.'],
  ])('refuses %s in one line', (_, bytes, message) => {
    expect(() => parseCifar10(bytes, 'x.bin')).toThrow(message);
    expect(() => parseCifar10(bytes, 'x.bin')).toThrow(/^[^\n]*$/);
  });
});

describe('readCifar10', () => {
  it('joins the files of the official archive in order', async () => {
    const all = noise(5, 1);
    await writeFile(join(folder, 'data_batch_2.bin'), encodeCifar10(sliceImages(all, 3, 5)));
    await writeFile(join(folder, 'data_batch_1.bin'), encodeCifar10(sliceImages(all, 0, 3)));
    await writeFile(join(folder, 'test_batch.bin'), file);
    expect(await readCifar10(folder, 'train')).toEqual(all);
    expect((await readCifar10(folder, 'test')).count).toBe(3);
  });

  it('reads train.bin and test.bin', async () => {
    await writeFile(join(folder, 'train.bin'), file);
    expect(await readCifar10(folder, 'train')).toEqual(noise(3, 1));
  });

  it('says which folder or file is missing', async () => {
    await expect(readCifar10(join(folder, 'no'), 'train')).rejects.toThrow(
      `There is no folder ${join(folder, 'no')}. Name the one with CIFAR-10's binary files by ` +
        '--data.',
    );
    await expect(readCifar10(folder, 'test')).rejects.toThrow(
      `${folder} has none of test_batch.bin, or test.bin.`,
    );
  });
});
