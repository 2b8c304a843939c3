// Predictions of an ensemble: the mean, the vote, and fitted weights, against float64 references
// and a search.
import * as fc from 'fast-check';
import { fitWeights, meanOf, vote } from '@polyak/ensemble';
import type { Probabilities } from '@polyak/ensemble';
import { describe, expect, it } from 'vitest';
import { random } from '../../../../tests/support/sgd.js';

/** Softmax rows from `seed`: the true label tends to get more by `skill`. */
function predictionsOf(
  seed: number,
  labels: readonly number[],
  classes: number,
  skill: number,
): Float64Array {
  const next = random(seed);
  return Float64Array.from(
    labels.flatMap((label) => {
      const logits = Array.from(
        { length: classes },
        (_, c) => 4 * next() + (c === label ? skill : 0),
      );
      const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
      return logits.map((logit) => Math.exp(logit) / total);
    }),
  );
}

function labelsOf(seed: number, samples: number, classes: number): number[] {
  const next = random(seed);
  return Array.from({ length: samples }, () => Math.floor(next() * classes));
}

/** The mean log-likelihood, from its definition. */
function logLikelihood(
  predictions: readonly Probabilities[],
  labels: readonly number[],
  classes: number,
  weights: ArrayLike<number>,
): number {
  const logs = labels.map((label, sample) =>
    Math.log(
      predictions.reduce(
        (p, own, k) => p + (weights[k] ?? NaN) * (own[sample * classes + label] ?? NaN),
        0,
      ),
    ),
  );
  return logs.reduce((sum, log) => sum + log, 0) / logs.length;
}

const CALLS: readonly [string, (predictions: readonly Probabilities[]) => unknown][] = [
  ['meanOf', (predictions) => meanOf(predictions)],
  ['vote', (predictions) => vote(predictions, 2)],
  ['fitWeights', (predictions) => fitWeights(predictions, [0], 2)],
];

describe.each(CALLS)('%s', (name, call) => {
  it('refuses no predictions, lengths that differ, and numbers that are not probabilities', () => {
    const good = Float32Array.of(0.5, 0.5);
    expect(() => call([])).toThrow(`${name}: there are no predictions.`);
    expect(() => call([new Float32Array()])).toThrow(RangeError);
    expect(() => call([good, Float32Array.of(1)])).toThrow(
      'member 1 has 1 probabilities, member 0 has 2',
    );
    expect(() => call([good, Float32Array.of(0, -0.25)])).toThrow('element 1 of member 1 is -0.25');
    expect(() => call([Float64Array.of(1.5, 0)])).toThrow('Apply softmax');
    for (const value of [NaN, Infinity, -Infinity]) {
      expect(() => call([good, Float64Array.of(0, value)])).toThrow(
        expect.objectContaining({
          code: 'ERR_NON_FINITE',
          message: expect.stringContaining('member 1'),
        }),
      );
    }
  });
});

describe('meanOf', () => {
  it('is the mean in float64, equal or weighted', () => {
    const first = Float32Array.of(0.1, 0.9);
    const second = Float64Array.of(0.3, 0.7);
    expect([...meanOf([first, second])]).toEqual([
      0.5 * Math.fround(0.1) + 0.5 * 0.3,
      0.5 * Math.fround(0.9) + 0.5 * 0.7,
    ]);
    expect([...meanOf([first, second], [0.25, 0.75])]).toEqual([
      0.25 * Math.fround(0.1) + 0.75 * 0.3,
      0.25 * Math.fround(0.9) + 0.75 * 0.7,
    ]);
  });

  it('takes softmaxes and weights as float32 rounds them', () => {
    const p = Float32Array.of(1.0000001, 0);
    expect(meanOf([p, p, p], Float32Array.of(1 / 3, 1 / 3, 1 / 3))[0]).toBeCloseTo(1, 6);
  });

  it.each([[[1]], [[0.5, 0.6]], [[1.5, -0.5]], [[NaN, 1]], [[0.5, 0.25, 0.25]]])(
    'refuses the weights %j',
    (weights) => {
      const p = Float32Array.of(1, 0);
      expect(() => meanOf([p, p], weights)).toThrow(RangeError);
    },
  );
});

describe('vote', () => {
  it.each([
    [
      'the majority, also against the mean',
      [
        [0.6, 0.4],
        [0.6, 0.4],
        [0, 1],
      ],
      [0],
    ],
    [
      'of as many votes, the higher mean',
      [
        [0.6, 0.4, 0],
        [0.1, 0.9, 0],
      ],
      [1],
    ],
    [
      'of as many votes and the same mean, the lower index',
      [
        [0, 0.25, 0.75],
        [0, 0.75, 0.25],
      ],
      [1],
    ],
    [
      'not a class without votes, however high its mean',
      [
        [0.5, 0.45, 0.05],
        [0.05, 0.45, 0.5],
      ],
      [0],
    ],
    ['a member with two highest votes for the lower index', [[0.2, 0.4, 0.4]], [1]],
  ])('takes %s', (_, rows, expected) => {
    expect([
      ...vote(
        rows.map((row) => Float64Array.from(row)),
        rows[0]?.length ?? 0,
      ),
    ]).toEqual(expected);
  });

  it('votes sample by sample', () => {
    const labels = labelsOf(1, 50, 4);
    expect([...vote([predictionsOf(2, labels, 4, 9)], 4)]).toEqual(labels);
  });

  it.each([0, -1, 1.5, 4, NaN])('refuses %d classes', (classes) => {
    expect(() => vote([Float32Array.of(1, 0, 0)], classes)).toThrow(
      'expected an integer >= 1 that divides',
    );
  });
});

describe('fitWeights', () => {
  const classes = 3;
  const labels = labelsOf(7, 400, classes);
  const members = [0.2, 1.5, 1.4, 0.8].map((skill, k) =>
    predictionsOf(11 + k, labels, classes, skill),
  );

  it('finds weights within the tolerance of the best, as a search on a grid shows', () => {
    const pair = members.slice(1, 3);
    const { weights, logLikelihood: found, gap } = fitWeights(pair, labels, classes);
    expect(gap).toBeLessThanOrEqual(1e-5);
    expect(found).toBeCloseTo(logLikelihood(pair, labels, classes, weights), 12);
    const grid = Array.from({ length: 1001 }, (_, n) => n / 1000);
    const scores = grid.map((w) => logLikelihood(pair, labels, classes, [w, 1 - w]));
    const best = Math.max(...scores);
    expect(best - found).toBeLessThanOrEqual(gap);
    expect(Math.abs((weights[0] ?? NaN) - (grid[scores.indexOf(best)] ?? NaN))).toBeLessThan(0.01);
  });

  it('beats equal weights, each member, and any other convex weights, by its gap at most', () => {
    const { logLikelihood: found, gap, weights } = fitWeights(members, labels, classes);
    expect([...weights].reduce((sum, w) => sum + w, 0)).toBeCloseTo(1, 14);
    expect(
      found - logLikelihood(members, labels, classes, [0.25, 0.25, 0.25, 0.25]),
    ).toBeGreaterThan(0.005);
    const anyWeights = fc
      .array(fc.double({ min: 0.0001, max: 1, noNaN: true }), { minLength: 4, maxLength: 4 })
      .map((raw) => raw.map((w) => w / raw.reduce((sum, x) => sum + x, 0)));
    fc.assert(
      fc.property(anyWeights, (other) => {
        expect(logLikelihood(members, labels, classes, other)).toBeLessThanOrEqual(
          found + gap + 1e-12,
        );
      }),
      { seed: 1 },
    );
  });

  it('never lowers the likelihood, and its gap bounds what is left at every iteration', () => {
    const { logLikelihood: best } = fitWeights(members, labels, classes, { tolerance: 1e-12 });
    let last = -Infinity;
    for (let maxIterations = 0; maxIterations <= 60; maxIterations += 1) {
      const options = { tolerance: 1e-15, maxIterations };
      const {
        logLikelihood: found,
        gap,
        iterations,
      } = fitWeights(members, labels, classes, options);
      expect(iterations).toBe(maxIterations);
      expect(found).toBeGreaterThanOrEqual(last - 1e-14);
      expect(best - found).toBeLessThanOrEqual(gap + 1e-12);
      expect(best - found).toBeLessThanOrEqual(
        Math.log(members.length) / Math.max(1, maxIterations),
      );
      last = found;
    }
  });

  it('has the weights of the analytic solution: how often each of two is right', () => {
    const right = Array.from({ length: 1000 }, (_, n) => n % 10 < 3);
    const first = Float32Array.from(right.flatMap((isRight) => (isRight ? [1, 0] : [0, 1])));
    const second = first.map((p) => 1 - p);
    const { weights, logLikelihood: found } = fitWeights(
      [first, second],
      right.map(() => 0),
      2,
    );
    expect(weights[0]).toBeCloseTo(0.3, 12);
    expect(found).toBeCloseTo(0.3 * Math.log(0.3) + 0.7 * Math.log(0.7), 12);
  });

  it('gives nothing to a member that is worse everywhere, and keeps equal members equal', () => {
    const good = predictionsOf(5, labels, classes, 3);
    const worse = good.map((p) => p / 2);
    const { weights } = fitWeights([good, worse, good], labels, classes, { tolerance: 1e-12 });
    expect(weights[1]).toBeLessThan(1e-9);
    expect(weights[0]).toBe(weights[2]);
    expect(fitWeights([good], labels, classes)).toMatchObject({ iterations: 0, gap: 0 });
  });

  it('passes over samples that all members give up, and says so in the likelihood', () => {
    const [first, second] = [Float64Array.of(0.9, 0.1, 0, 1), Float64Array.of(0.2, 0.8, 0, 1)];
    const fitted = fitWeights([first, second], [0, 0], 2);
    expect(fitted.logLikelihood).toBe(-Infinity);
    expect(fitted.weights[0]).toBeGreaterThan(0.99);
    expect([...fitWeights([first.slice(2), second.slice(2)], [0], 2).weights]).toEqual([0.5, 0.5]);
  });

  it('does not depend on the order of the members', () => {
    const forth = fitWeights(members, labels, classes).weights;
    const back = fitWeights(members.toReversed(), labels, classes).weights.toReversed();
    forth.forEach((weight, k) => expect(back[k]).toBeCloseTo(weight, 9));
  });

  it('refuses labels that do not fit, and options out of range', () => {
    const p = Float32Array.of(0.5, 0.5, 0.5, 0.5);
    const fit =
      (wrong: readonly number[], options = {}) =>
      () =>
        fitWeights([p], wrong, 2, options);
    expect(fit([0])).toThrow('there are 1 labels, expected one for each of 2 samples');
    for (const label of [2, -1, 0.5, NaN]) {
      expect(fit([0, label])).toThrow(
        `the label of sample 1 is ${label}, expected an integer from 0 to 1`,
      );
    }
    for (const tolerance of [0, -1, NaN, Infinity])
      expect(fit([0, 1], { tolerance })).toThrow(RangeError);
    for (const maxIterations of [-1, 0.5, Infinity])
      expect(fit([0, 1], { maxIterations })).toThrow(RangeError);
  });
});
