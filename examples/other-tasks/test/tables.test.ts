import { describe, expect, it } from 'vitest';

import { chosenRate } from '../src/results/choice.js';
import { methodsOf } from '../src/results/methods.js';
import { sectionOf, withSection } from '../src/results/readme.js';
import { validationTable } from '../src/results/tables.js';
import type { RunName } from '../src/runs.js';
import type { EpochLine } from '../src/train.js';

const score = (accuracy: number) => ({ accuracy, logLoss: 0.5, ece: 0.0125 });

function line(run: RunName, seed: number, lr: number, accuracies: readonly number[]): EpochLine {
  const [live = NaN, average = NaN] = accuracies;
  return {
    task: 'sectors',
    split: 'test',
    seed,
    run,
    lr,
    epoch: 2,
    trainLoss: 0.25,
    scores: { live: score(live), 'swa-from-50': score(average) },
    costs: { 'swa-from-50': { forwardPasses: 7, memoryBytes: 32 } },
    machine: '2 cores, wasm',
  };
}

const LINES = [
  line('sgd', 1, 0.1, [80, 79]),
  line('sgd', 2, 0.1, [82, 78]),
  line('sgd-constant', 1, 0.2, [70, 83]),
  line('sgd-constant', 2, 0.2, [72, 83]),
];

describe('the methods', () => {
  it('are the scores of the last lines, with the costs of averages', () => {
    const earlier = { task: 'sectors', split: 'test', seed: 1, lr: 0.1, epoch: 1 } as const;
    const scores = { live: score(60) };
    const methods = methodsOf([
      { ...earlier, run: 'sgd', trainLoss: 0.5, scores },
      ...LINES.toReversed(),
    ]);
    expect(methods.map(({ method, seed }) => `${method} ${seed}`)).toEqual([
      'sgd 1',
      'sgd 2',
      'sgd-constant 1',
      'sgd-constant 2',
      'sgd-constant/swa-from-50 1',
      'sgd-constant/swa-from-50 2',
      'sgd/swa-from-50 1',
      'sgd/swa-from-50 2',
    ]);
    const same = { experiment: 'sectors', budget: 2, logLoss: 0.5, ece: 0.0125 };
    const machine = '2 cores, wasm';
    expect(methods[0]).toEqual({ ...same, seed: 1, method: 'sgd', accuracy: 80, machine });
    expect(methods[4]).toEqual({
      ...same,
      seed: 1,
      method: 'sgd-constant/swa-from-50',
      accuracy: 83,
      forwardPasses: 7,
      memoryBytes: 32,
      machine,
    });
  });
});

describe('the validation', () => {
  const candidates = [
    line('sgd', 0, 0.1, [80, 85]),
    line('sgd', 0, 0.2, [81, 84]),
    line('sgd-constant', 0, 0.1, [80, 85]),
    line('sgd-constant', 0, 0.2, [81, 84]),
  ];

  it('chooses the rate of a constant run by its averages, of others by the last weights', () => {
    expect(chosenRate(candidates, 'sgd')).toBe(0.2);
    expect(chosenRate(candidates, 'sgd-constant')).toBe(0.1);
    expect(chosenRate(candidates, 'adam')).toBeUndefined();
    const again = line('sgd', 1, 0.2, [70, 84]);
    expect(chosenRate([...candidates, again], 'sgd')).toBe(0.1);
  });

  it('has a row for each rate', () => {
    expect(validationTable(candidates.toReversed()).split('\n').slice(2)[2]).toBe(
      '| `sgd-constant` |  0.1 |    0 |        80.00 |       85.00 |             |',
    );
  });
});

describe('a page', () => {
  const page = 'Head\n\n<!-- a -->\n\nold\n\n<!-- /a -->\n\n<!-- b -->\n\nold\n\n<!-- /b -->\n';

  it('takes a text between its markers', () => {
    const written = withSection(page, 'b', '| $& |');
    expect(sectionOf(written, 'b')).toBe('| $& |');
    expect(sectionOf(written, 'a')).toBe('old');
    expect(written.replace('| $& |', 'old')).toBe(page);
  });

  it('without them is refused', () => {
    expect(() => sectionOf(page, 'c')).toThrow(
      'The page has no markers <!-- c --> and <!-- /c -->.',
    );
  });
});
