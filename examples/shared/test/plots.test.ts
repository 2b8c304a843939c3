import { averagingStart, drawPlot, titledDots, wholeTicks } from '@polyak/example-shared/plots';
import { describe, expect, it } from 'vitest';

describe('wholeTicks', () => {
  it.each([
    [0, 1, [0, 1]],
    [0, 2, [0, 1, 2]],
    [1, 2, [1, 2]],
    [0, 10, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]],
    [0, 25, [0, 3, 6, 9, 12, 15, 18, 21, 24]],
    [3, 27, [3, 6, 9, 12, 15, 18, 21, 24, 27]],
    [4, 4, [4]],
    [Infinity, -Infinity, []],
  ])('from %s to %s are whole and none is there twice', (from, to, ticks) => {
    expect(wholeTicks(from, to)).toEqual(ticks);
  });
});

describe('drawPlot', () => {
  const points = [
    { epoch: 1, value: 3, title: 'epoch 1: 3' },
    { epoch: 2, value: 5, title: 'epoch 2: 5' },
  ];

  it('draws values that a pointer near them shows', () => {
    const svg = drawPlot('values by epoch', {
      x: { ticks: wholeTicks(1, 2) },
      marks: [titledDots(points, { x: 'epoch', y: 'value', title: 'title' })],
    });
    expect(svg).toContain('aria-label="values by epoch"');
    expect(svg.match(/<circle[^>]*><title>epoch/g)).toHaveLength(2);
    expect(svg).toMatch(/stroke-width="14" stroke="transparent"/);
  });

  it('names where averaging starts, and nothing where it never does', () => {
    const marks = (start?: number) => [averagingStart(start, 'top')];
    expect(drawPlot('a', { marks: marks(2) })).toContain('averaging starts');
    expect(drawPlot('b', { marks: marks() })).not.toContain('averaging starts');
  });
});
