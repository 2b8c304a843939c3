// The data, as they are in their packages.
import { loadTensorFlow } from '@polyak/backend-tfjs';
import { csvParse } from 'd3-dsv';
import { describe, expect, it } from 'vitest';

import { fashion } from '../src/tasks/fashion.js';
import { encodeStrikes, strikes } from '../src/tasks/strikes.js';
import { encodeWords, stress } from '../src/tasks/stress.js';
import type { Task } from '../src/tasks/task.js';

const { tf } = await loadTensorFlow({ backends: ['wasm'] });

async function read({ read: readParts, classes }: Task) {
  const parts = await readParts();
  const { labels } = parts.train;
  const counts = classes.map((_, label) => labels.filter((own) => own === label).length);
  const sizes = Object.values(parts).map((part) => part.labels.length);
  return { ...parts, counts, sizes };
}

function expectNetwork(task: Task, inputShape: readonly number[]): void {
  const weights = (seed: number): readonly number[] => {
    const model = task.createModel(tf, { seed, inputShape });
    expect(model.outputs[0]?.shape).toEqual([null, task.classes.length]);
    const values = model.getWeights().flatMap((weight) => [...weight.dataSync()]);
    model.dispose();
    return values;
  };
  expect(weights(1)).toEqual(weights(1));
  expect(weights(1)).not.toEqual(weights(2));
}

describe('the data of fashion', () => {
  it('are pictures with values from 0 to 1, about as many of each class', async () => {
    const { train, counts, sizes } = await read(fashion);
    expect(sizes).toEqual([6_000, 2_000, 5_000]);
    expect(train.shape).toEqual([28, 28, 1]);
    expect(train.inputs.reduce((least, value) => Math.min(least, value), 1)).toBe(0);
    expect(train.inputs.reduce((most, value) => Math.max(most, value), 0)).toBe(1);
    for (const count of counts) expect(Math.abs(count - 600)).toBeLessThan(60);
    expectNetwork(fashion, train.shape);
  });
});

describe('the data of strikes', () => {
  it('have a row for each strike in the air or on the runway', async () => {
    const { train, counts, sizes } = await read(strikes);
    expect(sizes).toEqual([6_000, 1_000, 2_900]);
    expect(train.shape).toEqual([167]);
    expect(counts).toEqual(counts.toSorted((a, b) => b - a));
    expectNetwork(strikes, train.shape);
  });

  it('have columns for categories, months and the speed', () => {
    const { shape, inputs, labels } = encodeStrikes(
      csvParse(
        'Phase of flight,Time of day,Flight Date,Speed IAS in knots\n' +
          `Parked,Day,1990-01-08,\n${'Climb,Day,1990-01-08,\n'.repeat(40)}` +
          'Landing Roll,Night,1990-12-08,120\n',
      ),
    );
    // The six categories that are not there have one value each, 40 times: two columns.
    expect(shape).toEqual([28]);
    expect([...labels]).toEqual([...Array<number>(40).fill(1), 3]);
    const ones = (row: number): unknown =>
      [...inputs.subarray(28 * row, 28 * row + 28)].flatMap((value, column) =>
        value === 0 ? [] : [[column, value]],
      );
    const categories = [1, 3, 5, 7, 9, 11].map((column) => [column, 1]);
    expect(ones(0)).toEqual([...categories, [13, 1], [14, 1]]);
    expect(ones(40)).toEqual([...categories, [12, 1], [25, 1], [26, Math.fround(1.2)], [27, 1]]);
  });
});

describe('the data of stress', () => {
  it('are words, most of them stressed on the first syllable', async () => {
    const { train, counts, sizes } = await read(stress);
    expect(sizes).toEqual([8_000, 2_000, 5_000]);
    expect(train.shape).toEqual([10, 26]);
    expect(counts).toEqual(counts.toSorted((a, b) => b - a));
    expectNetwork(stress, train.shape);
  });

  it('are letters that end at the last step', () => {
    const { inputs, labels } = encodeWords({
      about: 'AH0 B AW1 T',
      'about(2)': 'AH0 B AW1 T',
      cat: 'K AE1 T',
      "o'er": 'OW1 ER0',
      zebra: 'Z IY1 B R AH0',
    });
    expect([...labels]).toEqual([1, 0]);
    const letters = [...inputs].flatMap((value, index) => (value === 1 ? [index] : []));
    const word = (row: number, ...codes: readonly number[]): readonly number[] =>
      codes.map((code, index) => ((row + 1) * 10 - codes.length + index) * 26 + code);
    expect(letters).toEqual([...word(0, 0, 1, 14, 20, 19), ...word(1, 25, 4, 1, 17, 0)]);
  });
});
