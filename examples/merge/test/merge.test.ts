import { decayWeights } from '@polyak/core/rules';
import { parseHTML } from 'linkedom';
import { describe, expect, it } from 'vitest';
import { curveMerge, durations, tableMerges } from '../src/merges.js';
import type { Saved } from '../src/merges.js';
import { renderReport } from '../src/report.js';
import type { MergeResult } from '../src/run.js';

const saved: readonly Saved[] = [5, 10, 15, 20].map((step) => ({ step, path: `${step}` }));

describe('the merges', () => {
  it('weigh the last checkpoints, in order', () => {
    const { inputs, method } = curveMerge(saved, 'minus-sqrt', 3);
    expect(inputs).toEqual(saved.slice(1));
    expect(method.weights).toEqual(decayWeights('minus-sqrt', 3));
  });

  it('sum to 1', () => {
    const snapshots = [10, 20].flatMap((step) =>
      [6.94, 16.97].map((gamma) => ({ step, gamma, path: `${gamma}-${step}` })),
    );
    for (const { inputs, method } of tableMerges(saved, snapshots, 3)) {
      expect(method.weights).toHaveLength(inputs.length);
      expect(method.weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 12);
    }
  });

  it('are plotted for as many checkpoints as there are', () => {
    expect(durations(12)).toEqual([1, 2, 3, 5, 10]);
  });
});

describe('the report', () => {
  const score = (accuracy: number): { accuracy: number; loss: number } => ({
    accuracy,
    loss: 1 - accuracy,
  });
  const result: MergeResult = {
    options: { seed: 1, epochs: 2, trainImages: 6400, backend: 'wasm', output: '/x' },
    backend: 'tfjs:wasm',
    testImages: 10_000,
    steps: 1250,
    interval: 5,
    rows: [
      { name: 'the last checkpoint', ...score(0.95) },
      { name: 'mean of the last 3', ...score(0.97) },
    ],
    durations: (['linear', 'cosine', 'minus-sqrt'] as const).flatMap((curve, row) =>
      durations(40).map((count) => ({ curve, count, score: score(0.9 + row / 50 + count / 999) })),
    ),
    decayed: score(0.96),
    seconds: 3,
  };
  const { document } = parseHTML(renderReport(result));

  it('says what the mean, the last checkpoint and a decayed rate gave', () => {
    expect(document.querySelector('.verdict')?.textContent).toBe(
      'The mean of the last 3 checkpoints: 97.00 % test accuracy. The last one alone: 95.00 %. ' +
        'Trained with a decayed rate: 96.00 %.',
    );
    expect(document.querySelectorAll('.final tbody tr:last-child .best')).toHaveLength(2);
  });

  it('draws a point for each curve and number of checkpoints', () => {
    const figures = [...document.querySelectorAll('figure')];
    expect(figures.map((figure) => figure.querySelectorAll('circle').length)).toEqual([27, 27]);
    expect(figures[0]?.querySelector('circle title')?.textContent).toBe(
      'linear, 1 merged: 90.10 %',
    );
  });

  it('has room for the number of checkpoints at each tick', () => {
    for (const axis of document.querySelectorAll('[aria-label="x-axis tick label"]')) {
      const ticks = [...axis.querySelectorAll('text')];
      expect(ticks.map((tick) => Number(tick.textContent))).toEqual(durations(40));
      const places = ticks.map((tick) =>
        Number(/[\d.]+/u.exec(tick.getAttribute('transform') ?? '')),
      );
      // Two digits are about 12 wide.
      for (const [index, place] of places.slice(1).entries()) {
        expect(place - (places[index] ?? NaN)).toBeGreaterThan(18);
      }
    }
    expect(document.querySelectorAll('[aria-label="x-axis tick label"]')).toHaveLength(2);
  });

  it('writes large counts alike', () => {
    const { textContent } = document.body;
    expect(textContent).toContain('1,250 steps, 6,400 images, 2 epochs');
    expect(textContent).toContain('10,000 images');
  });

  it('needs no other file', () => {
    expect(document.querySelectorAll('script, link, img, [src], [href]')).toHaveLength(0);
  });
});
