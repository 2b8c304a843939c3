import { describe, expect, it } from 'vitest';
import { renderAnswer } from '../src/tables/answer.js';
import { renderBudgets } from '../src/tables/budgets.js';
import { renderTable } from '../src/tables/table.js';
import { blockWith, cellsOf, line } from './fixture.js';

const LINES = [
  line('sgd', 1, { accuracy: 77.45, logLoss: 0.7, memoryBytes: 0 }),
  line('sgd', 2, { accuracy: 76.85, logLoss: 0.8, memoryBytes: 0 }),
  line('sgd', 3, { accuracy: 77.7, logLoss: 0.6, memoryBytes: 0 }),
  line('swa/75', 1, { accuracy: 77.95, logLoss: 0.9, memoryBytes: 2048 }),
  line('swa/75', 2, { accuracy: 77.4, logLoss: 1.1, memoryBytes: 2048 }),
  line('swa/75', 3, { accuracy: 78.6, logLoss: 0.7, memoryBytes: 2048 }),
  line('swa/50', 1, { accuracy: 79 }),
  line('sgd', 1, { accuracy: 60 }, 2),
  line('swa/75', 1, { accuracy: 59 }, 2),
];
const NOTE =
  'Brackets hold the 95 % t-interval of the difference, paired over seeds. Bold: better, and the ' +
  'interval excludes 0. With 3 seeds the interval is wide: 2.5 standard deviations of the ' +
  'differences each way.';

describe('renderTable', () => {
  it('has each seed of one measure, the baseline first, then the best', () => {
    const table = renderTable(blockWith('table some budget=5 baseline=sgd metric=accuracy'), LINES);
    expect(cellsOf(table)).toEqual([
      ['method', 'seed 1', 'seed 2', 'seed 3', 'accuracy in %', 'difference to `sgd`'],
      ['`sgd`', '77.45', '76.85', '77.70', '77.33 ± 0.44', ''],
      ['`swa/50`', '79.00', '', '', '79.00', '+1.55'],
      ['`swa/75`', '77.95', '77.40', '78.60', '77.98 ± 0.60', '**+0.65** [+0.11, +1.19]'],
    ]);
    expect(table).toMatch(`${NOTE} One seed has no interval.`);
  });

  it('has the mean of several measures, costs without a difference, and how many seeds', () => {
    const block = blockWith('table some budget=5 baseline=sgd metric=logLoss,memoryBytes');
    // Differences 0.2, 0.3, 0.1: mean 0.2, sd 0.1, 4.30265 · 0.1 / √3 = 0.248.
    expect(cellsOf(renderTable(block, LINES))).toEqual([
      ['method', 'seeds', 'log-loss in nats', 'difference to `sgd`', 'memory in KiB'],
      ['`sgd`', '3', '0.700 ± 0.100', '', '0'],
      ['`swa/75`', '3', '0.900 ± 0.200', '+0.200 [-0.048, +0.448]', '2'],
      ['`swa/50`', '1', '', '', ''],
    ]);
  });

  it('is in bold only where the change is for the better', () => {
    const worse = [1, 2, 3].flatMap((seed) => [
      line('sgd', seed, { logLoss: 0.5 + seed / 100 }),
      line('ema', seed, { logLoss: 0.9 }),
      line('swag', seed, { logLoss: 0.3 }),
    ]);
    const block = blockWith('table some budget=5 baseline=sgd metric=logLoss');
    const differences = cellsOf(renderTable(block, worse)).map((cells) => cells.at(-1));
    expect(differences.slice(2)).toEqual([
      '**-0.220** [-0.245, -0.195]',
      '+0.380 [+0.355, +0.405]',
    ]);
  });

  it('names budgets where it has several, each method once', () => {
    const words = 'table some budget=5,9 baseline=sgd metric=accuracy methods=sgd,soup';
    const soup = [1, 2].map((seed) => line('soup', seed, { accuracy: 78 + seed }, 9));
    const rows = cellsOf(renderTable(blockWith(words), [...LINES, ...soup]));
    expect(rows.map(([method, budget, first]) => [method, budget, first])).toEqual([
      ['method', 'budget', 'seed 1'],
      ['`sgd`', '5', '77.45'],
      ['`soup`', '9', '79.00'],
    ]);
    const again = line('soup', 3, { accuracy: 80 });
    expect(() => renderTable(blockWith(words), [...LINES, ...soup, again])).toThrow(
      'page.md:3: "soup" has lines of the budgets 9, 5. Choose with methods=…',
    );
  });

  it('keeps to the methods that it is given', () => {
    const words = 'table some budget=5 baseline=sgd metric=accuracy methods=sgd,swa/7*';
    const methods = cellsOf(renderTable(blockWith(words), LINES)).map(([method]) => method);
    expect(methods).toEqual(['method', '`sgd`', '`swa/75`']);
  });

  it.each([
    ['table some baseline=sgd metric=accuracy', 'page.md:3: "table" lacks budget=…'],
    [
      'table some budget=5 baseline=sgd metric=speed',
      'No measure is called "speed"; there are accuracy,',
    ],
    [
      'table some budget=7 baseline=sgd metric=accuracy',
      'page.md:3: no line of "some" with budget 7 has the baseline "sgd"; there are none.',
    ],
    [
      'table some budget=5 baseline=sgd metric=accuracy methods=sgd,lawa*',
      'page.md:3: "some" has no line of a method "lawa*"; it has sgd, swa/75, swa/50.',
    ],
  ])('refuses %s', (words, message) => {
    expect(() => renderTable(blockWith(words), LINES)).toThrow(message);
  });
});

describe('renderAnswer', () => {
  it('has a row for each average that the tables name', () => {
    const words = 'table some budget=5 baseline=sgd metric=accuracy,ece answer=swa/75,swa/50';
    const block = { ...blockWith(words), heading: 'CIFAR-10, a `ResNet`' };
    const link = '[CIFAR-10, a `ResNet`](#cifar-10-a-resnet)';
    const answer = renderAnswer([blockWith('answer'), block], LINES);
    expect(cellsOf(answer).slice(1)).toEqual([
      [
        link,
        'accuracy in %',
        '`sgd` 77.33',
        '`swa/75` 77.98',
        '**+0.65** [+0.11, +1.19]',
        '3 of 3 seeds',
      ],
      [link, 'accuracy in %', '`sgd` 77.45', '`swa/50` 79.00', '+1.55', '1 of 1 seeds'],
    ]);
  });

  it('refuses an average without a seed in common', () => {
    const block = blockWith('table some budget=5 baseline=sgd metric=accuracy answer=lawa');
    expect(() => renderAnswer([block], LINES)).toThrow(
      'page.md:3: "lawa" and "sgd" have no seed in common with a measure "accuracy".',
    );
  });
});

describe('renderBudgets', () => {
  it('has a row for each budget', () => {
    const block = blockWith('budgets some metric=accuracy methods=sgd,swa/75');
    expect(cellsOf(renderBudgets(block, LINES))).toEqual([
      ['budget', 'seeds', '`sgd`', '`swa/75`', 'difference'],
      ['2', '1', '60.00', '59.00', '-1.00'],
      ['5', '3', '77.33 ± 0.44', '77.98 ± 0.60', '**+0.65** [+0.11, +1.19]'],
    ]);
  });

  it('leaves seeds out that the baseline does not have', () => {
    const block = blockWith('budgets some metric=accuracy methods=sgd,swa/75');
    const alone = LINES.filter(({ method }) => method === 'swa/75').map((paired) => ({
      ...paired,
      seed: paired.seed + 10,
    }));
    expect(renderBudgets(block, [...LINES, ...alone])).toBe(renderBudgets(block, LINES));
  });
});
