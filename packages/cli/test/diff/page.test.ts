import { diffPage } from '#diff/page';
import type { TensorDiff, ValueDifference } from '@polyak/checkpoints/inspect';
import { describe, expect, it } from 'vitest';

function moved(name: string, relativeRms: number): TensorDiff {
  const values: ValueDifference = {
    count: 6,
    largest: 3 * relativeRms,
    largestAt: 2,
    rms: 2 * relativeRms,
    relativeRms,
    cosine: 0.5,
    nonFinite: 0,
  };
  const isSame = relativeRms === 0;
  return { name, kind: 'both', dtypes: ['float32', 'bfloat16'], shape: [2, 3], isSame, values };
}

function dotsIn(page: string): readonly string[] {
  return page.match(/<circle[\s\S]*?<\/circle>/g) ?? [];
}

describe('diffPage', () => {
  it('has a dot and a row for each tensor', () => {
    const page = diffPage(
      ['a', 'b'],
      [
        moved('one', 0.25),
        moved('same', 0),
        { name: 'wide', kind: 'shape', shapes: [[2, 3], [6]] },
        { name: 'more', kind: 'second only' },
        moved('new', Infinity),
      ],
    );
    expect(dotsIn(page)).toHaveLength(2);
    expect(page).toContain('5 tensors: 1 equal to the last bit, 2 different, 1 of other shapes, 1');
    expect(page).toContain(
      '<th scope="row">one</th><th>[2, 3]</th><th>float32 and bfloat16</th>' +
        '<td>0.75</td><td>0.5</td><td>0.25</td><td>0.5</td><td>0</td>',
    );
    expect(page).toContain('[2, 3] and [6]');
    expect(page).toContain('in the second only');
  });

  it('needs no other file, and takes names as text', () => {
    const page = diffPage(['<a>', 'b&c'], [moved('<script>x</script>"', 1)]);
    expect(page).not.toMatch(/<script|src=|href=|@import/);
    expect(page).toContain('<title>&lt;a&gt; and b&amp;c</title>');
    expect(page.replaceAll('http://www.w3.org/', '')).not.toMatch(/https?:/);
  });

  it('shows of many tensors those that moved most', () => {
    const rows = Array.from({ length: 100_000 }, (_, index) =>
      moved(`t${index}`, index % 100 === 7 ? 0.5 + index / 1e6 : 1e-6),
    );
    const page = diffPage(['a', 'b'], rows);
    const dots = dotsIn(page);
    expect(dots).toHaveLength(1000);
    expect(dots.every((dot) => /t\d*07: 0\.[56]|t7: 0\.5/.test(dot))).toBe(true);
    expect(page.match(/<tr>/g)).toHaveLength(2001);
    expect(page).toContain('>t99907<');
    expect(page.length).toBeLessThan(1e6);
  });

  it('is drawn without any difference', () => {
    expect(dotsIn(diffPage(['a', 'b'], [moved('same', 0)]))).toHaveLength(1);
    expect(dotsIn(diffPage(['a', 'b'], []))).toHaveLength(0);
  });
});
