import { modeOf, plan } from '@polyak/core';
import type { ModeOptions } from '@polyak/core';
import { describe, expect, it } from 'vitest';

function detect(options: ModeOptions): { mode: ReturnType<typeof modeOf>; warnings: string[] } {
  const warnings: string[] = [];
  return { mode: modeOf(options, (message) => warnings.push(message)), warnings };
}

/** What torchcontrib does with start 5 and freq 2, step by step [semantics.md 2.1]. */
const TRACE = [
  [1, undefined, false],
  [2, undefined, false],
  [3, undefined, false],
  [4, undefined, false],
  [5, undefined, false],
  [6, 0.05, true],
  [7, 0.05, false],
  [8, 0.05, true],
  [9, 0.05, false],
  [10, 0.05, true],
] as const;

describe('plan', () => {
  const { mode } = detect({ swaStart: 5, swaFreq: 2, swaLr: 0.05 });

  it.each(TRACE)('in step %i sets the rate %s and averages: %s', (step, lr, average) => {
    expect(plan(mode, step - 1)).toEqual(lr === undefined ? { average } : { lr, average });
  });

  it('averages on absolute multiples of swaFreq, never at swaStart itself', () => {
    const averaged = (swaStart: number, swaFreq: number): number[] =>
      Array.from({ length: 20 }, (_, n) => n + 1).filter(
        (step) => plan({ kind: 'auto', swaStart, swaFreq }, step - 1).average,
      );
    expect(averaged(0, 5)).toEqual([5, 10, 15, 20]);
    expect(averaged(7, 5)).toEqual([10, 15, 20]);
    expect(averaged(10, 5)).toEqual([15, 20]);
    expect(averaged(18, 1)).toEqual([19, 20]);
  });

  it('sets a rate of 0, and none without swaLr', () => {
    expect(plan({ kind: 'auto', swaStart: 0, swaFreq: 1, swaLr: 0 }, 0).lr).toBe(0);
    expect(plan({ kind: 'auto', swaStart: 0, swaFreq: 1 }, 0)).not.toHaveProperty('lr');
  });

  it('neither averages nor sets a rate in manual mode', () => {
    expect(plan({ kind: 'manual' }, 1000)).toEqual({ average: false });
  });
});

describe('modeOf', () => {
  it('is automatic if and only if swaStart and swaFreq are given', () => {
    expect(detect({ swaStart: 1, swaFreq: 2 })).toEqual({
      mode: { kind: 'auto', swaStart: 1, swaFreq: 2 },
      warnings: [],
    });
    expect(detect({})).toEqual({ mode: { kind: 'manual' }, warnings: [] });
  });

  it('warns of one without the other, and once more of a rate that is ignored', () => {
    expect(detect({ swaStart: 1 }).warnings).toHaveLength(1);
    expect(detect({ swaFreq: 1 }).warnings).toHaveLength(1);
    expect(detect({ swaLr: 1 }).warnings).toHaveLength(1);
    expect(detect({ swaStart: 1, swaLr: 1 }).warnings).toEqual([
      expect.stringContaining('swaStart is given without swaFreq'),
      expect.stringContaining('swaLr'),
    ]);
    expect(detect({ swaStart: 1, swaLr: 1 }).mode).toEqual({ kind: 'manual' });
  });

  it('casts to integers by truncation and warns for each, also in manual mode', () => {
    expect(detect({ swaStart: 2.9, swaFreq: 1.5 })).toEqual({
      mode: { kind: 'auto', swaStart: 2, swaFreq: 1 },
      warnings: [
        expect.stringContaining('swaStart is 2.9'),
        expect.stringContaining('swaFreq is 1.5'),
      ],
    });
    expect(detect({ swaStart: 2.9 }).warnings).toHaveLength(2);
    expect(detect({ swaStart: -0.5, swaFreq: 1 }).mode).toMatchObject({ kind: 'auto' });
  });

  it('reports an invalid start before an invalid frequency before an invalid rate', () => {
    expect(() => detect({ swaStart: -1, swaFreq: 0, swaLr: -1 })).toThrow(
      new RangeError('Invalid swaStart: -1. Expected an integer >= 0.'),
    );
    expect(() => detect({ swaStart: 0, swaFreq: 0, swaLr: -1 })).toThrow('Invalid swaFreq: 0');
    expect(() => detect({ swaStart: 0, swaFreq: 0.9 })).toThrow('Invalid swaFreq: 0');
    expect(() => detect({ swaStart: 0, swaFreq: 1, swaLr: -1 })).toThrow('Invalid swaLr: -1');
    expect(() => detect({ swaStart: 0, swaFreq: 1, swaLr: NaN })).toThrow(RangeError);
  });

  it('only warns of a negative rate in manual mode, and takes a rate of 0', () => {
    expect(detect({ swaLr: -1 }).mode).toEqual({ kind: 'manual' });
    expect(detect({ swaStart: 0, swaFreq: 1, swaLr: 0 }).mode).toMatchObject({ swaLr: 0 });
  });

  it('refuses what is no finite number', () => {
    expect(() => detect({ swaStart: NaN })).toThrow(RangeError);
    expect(() => detect({ swaFreq: Infinity })).toThrow(RangeError);
    expect(() => detect({ swaStart: '5' as never, swaFreq: 1 })).toThrow(TypeError);
    expect(() => detect({ swaStart: 5, swaFreq: 1, swaLr: '1' as never })).toThrow(TypeError);
  });
});
