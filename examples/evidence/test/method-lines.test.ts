import { describe, expect, it } from 'vitest';
import { parseMethodLines } from '../src/lines/method-lines.js';

const PATH = 'examples/some/results/methods.jsonl';
const LINE = { experiment: 'some', budget: 5, seed: 1, method: 'sgd', accuracy: 90 };

function parse(...lines: readonly string[]): ReturnType<typeof parseMethodLines> {
  return parseMethodLines(new Map([[PATH, lines.join('\n')]]));
}

describe('parseMethodLines', () => {
  it('reads what identifies a line, and every number that was measured', () => {
    const text = JSON.stringify({ ...LINE, ece: 0.25, machine: '2 cores' });
    expect(parse(text, '')).toEqual([
      {
        experiment: 'some',
        budget: 5,
        seed: 1,
        method: 'sgd',
        measures: new Map([
          ['accuracy', 90],
          ['ece', 0.25],
        ]),
        bins: [],
      },
    ]);
  });

  it.each([
    ['{"experiment":', ': no JSON: '],
    ['[1]', ': found [1], expected a JSON object.'],
    [JSON.stringify({ ...LINE, method: 3 }), ': "method" is 3, expected text.'],
    [JSON.stringify({ ...LINE, seed: 'one' }), ': "seed" is "one", expected a finite number.'],
    [JSON.stringify({ ...LINE, budget: undefined }), ': "budget" is missing, expected a finite'],
    [JSON.stringify({ ...LINE, accuracy: null }), ': "accuracy" is null, expected a finite'],
    ['{"experiment":"a","ece":1e999}', ': "ece" is Infinity, expected a finite number.'],
    [JSON.stringify({ ...LINE, accuracy: undefined }), ': no number was measured. Remove the'],
  ])('refuses %s, and names file and line', (line, message) => {
    expect(() => parse(JSON.stringify(LINE), line)).toThrow(`${PATH}:2${message}`);
  });

  it('reads bins, and refuses what is none', () => {
    const bins = [{ count: 3, confidence: 0.5, accuracy: 0.25 }];
    expect(parse(JSON.stringify({ ...LINE, bins }))[0]?.bins).toEqual([
      { confidence: 0.5, accuracy: 0.25 },
    ]);
    expect(() => parse(JSON.stringify({ ...LINE, bins: [3] }))).toThrow(
      `${PATH}:1: "bins" is [3], expected a list of objects.`,
    );
    const lacking = [...bins, { confidence: 0.5 }];
    expect(() => parse(JSON.stringify({ ...LINE, bins: lacking }))).toThrow(
      `${PATH}:1, bins[1]: "accuracy" is missing, expected a finite number.`,
    );
  });

  it('refuses the same experiment, budget, seed and method twice, also in two files', () => {
    const again = JSON.stringify({ ...LINE, accuracy: 91 });
    expect(() =>
      parseMethodLines(
        new Map([
          [PATH, JSON.stringify(LINE)],
          ['other.jsonl', again],
        ]),
      ),
    ).toThrow(
      `other.jsonl:1: found "sgd" of some, budget 5, seed 1 again; ${PATH}:1 has it. ` +
        'Remove one of them.',
    );
  });

  it('tells lines apart by further keys, which each must then have', () => {
    const [near, far] = [0.5, 1].map((distance) => JSON.stringify({ ...LINE, distance }));
    const keyed = (...lines: readonly string[]): unknown =>
      parseMethodLines(new Map([[PATH, lines.join('\n')]]), ['distance']);
    expect(keyed(`${near}`, `${far}`)).toHaveLength(2);
    expect(() => keyed(`${near}`, `${near}`)).toThrow(`${PATH}:2: found "sgd" of some`);
    expect(() => keyed(JSON.stringify(LINE))).toThrow(`${PATH}:1: "distance" is missing`);
  });
});
