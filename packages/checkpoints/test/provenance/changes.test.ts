// Every kind of change to the tensors of a merge, in its output and in its inputs, is found.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mean } from '@polyak/checkpoints';
import { verifyCheckpoint } from '@polyak/checkpoints/inspect';
import { mergeFiles, openCheckpoint } from '@polyak/checkpoints/node';
import { encodeSafetensors } from '@polyak/safetensors';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { random } from '../../../../tests/support/sgd.js';

const [ROWS, COLUMNS] = [500, 64];
const COUNT = ROWS * COLUMNS;

let folder = '';
const files = (): string[] =>
  ['one', 'two', 'out'].map((name) => join(folder, `${name}.safetensors`));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'polyak-changes-'));
  const [one = '', two = '', out = ''] = files();
  for (const [seed, path] of [one, two].entries()) {
    const next = random(seed + 1);
    const w = Float32Array.from({ length: COUNT }, () => next() - 0.5);
    const tensors = { w: { dtype: 'float32', shape: [ROWS, COLUMNS], data: w } } as const;
    await writeFile(path, encodeSafetensors(tensors));
  }
  await mergeFiles([one, two], out, { method: mean(2) });
});
afterAll(async () => rm(folder, { recursive: true }));

/** Changes the bits of elements. */
type Change = (bits: Uint32Array, below: (limit: number) => number) => void;

const SIGN = 0x80000000;
const negate = (bits: Uint32Array, index: number): void => {
  bits[index] = (bits[index] as number) ^ SIGN;
};
const exchange = (bits: Uint32Array, a: number, b: number, length = 1): void => {
  const first = bits.slice(a, a + length);
  bits.copyWithin(a, b, b + length);
  bits.set(first, b);
};

const CHANGES: Readonly<Record<string, Change>> = {
  'all signs': (bits) => bits.forEach((_, i) => negate(bits, i)),
  'the signs of elements 0 and 2': (bits) => [0, 2].forEach((i) => negate(bits, i)),
  'the signs of two elements': (bits, below) => {
    const first = below(COUNT - 1);
    for (const i of [first, first + 1 + below(COUNT - 1 - first)]) negate(bits, i);
  },
  // Sums of elements times their index stay the same where the first is + - - +.
  'four signs in a row': (bits, below) => {
    const first = below(COUNT - 4);
    for (let i = 0; i < 4; i += 1) negate(bits, first + i);
  },
  'the signs of every second element': (bits) => {
    for (let i = 0; i < COUNT; i += 2) negate(bits, i);
  },
  'the signs of a row': (bits, below) => {
    const first = COLUMNS * below(ROWS);
    for (let i = 0; i < COLUMNS; i += 1) negate(bits, first + i);
  },
  'the signs of random elements': (bits, below) => {
    negate(bits, below(COUNT));
    bits.forEach((_, i) => below(2) === 1 && negate(bits, i));
  },
  'two elements exchanged': (bits, below) => {
    const first = below(COUNT - 1);
    exchange(bits, first, first + 1 + below(COUNT - 1 - first));
  },
  'two rows exchanged': (bits, below) => {
    const first = below(ROWS - 1);
    exchange(bits, COLUMNS * first, COLUMNS * (first + 1), COLUMNS);
  },
  'two blocks exchanged': (bits, below) => {
    const block = 2 ** below(12);
    const first = below(COUNT - 2 * block + 1);
    exchange(bits, first, first + block + below(COUNT - 2 * block - first + 1), block);
  },
  'the order of the elements': (bits) => bits.set(bits.toReversed()),
  'elements moved by one': (bits) => exchange(bits, 0, 1, COUNT - 1),
  'one bit': (bits, below) => {
    const index = below(COUNT);
    bits[index] = (bits[index] as number) ^ (1 << below(32));
  },
  'two bits': (bits, below) => {
    const first = below(COUNT - 1);
    for (const i of [first, first + 1 + below(COUNT - 1 - first)]) {
      bits[i] = (bits[i] as number) ^ (1 << below(32));
    }
  },
  'one bit of every element': (bits, below) => {
    const bit = below(32);
    bits.forEach((_, i) => (bits[i] = (bits[i] as number) ^ (1 << bit)));
  },
  'a range of zeros': (bits, below) => {
    const first = below(COUNT);
    bits.fill(0, first, first + 1 + below(COUNT - first));
  },
  'one row in the place of another': (bits, below) => {
    const [from, to] = [below(ROWS), below(ROWS - 1)];
    bits.copyWithin(COLUMNS * (to < from ? to : to + 1), COLUMNS * from, COLUMNS * (from + 1));
  },
};

it.each(Object.keys(CHANGES))('finds a change of %s', async (kind) => {
  for (const [which, path] of files().entries()) {
    if (which === 1) continue;
    const bytes = await readFile(path);
    const begin = bytes.length - 4 * COUNT;
    for (let seed = 1; seed <= 8; seed += 1) {
      const next = random(1000 * seed + which);
      const bits = new Uint32Array(bytes.buffer.slice(bytes.byteOffset + begin));
      CHANGES[kind]?.(bits, (limit) => Math.floor(next() * limit));
      const changed = Buffer.concat([bytes.subarray(0, begin), Buffer.from(bits.buffer)]);
      expect(changed.equals(bytes)).toBe(false);
      await writeFile(path, changed);
      const expected = which === 0 ? ['same', 'differs', 'same'] : ['differs', 'same', 'same'];
      expect(await verdicts(), `seed ${seed}`).toEqual(expected);
    }
    await writeFile(path, bytes);
  }
  expect(await verdicts()).toEqual(['same', 'same', 'same']);
});

async function verdicts(): Promise<readonly string[]> {
  const checkpoint = await openCheckpoint(files()[2] ?? '');
  try {
    const found = await verifyCheckpoint(checkpoint, { open: openCheckpoint });
    return found.map(({ verdict }) => verdict);
  } finally {
    await checkpoint.close();
  }
}
