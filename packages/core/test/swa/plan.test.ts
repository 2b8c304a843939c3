// When steps average and which rate they set: torchcontrib's modes, and what the options ask for.
import { cpuBackend } from '@polyak/backend-cpu';
import { observedOptimizer, SWA } from '@polyak/core';
import type { Mode, ModeOptions } from '@polyak/core';
import { describe, expect, it } from 'vitest';
import { sgd, weights } from '../../../../tests/support/sgd.js';

const backend = cpuBackend();

function detect(options: ModeOptions): { mode: Mode; warnings: string[] } {
  const warnings: string[] = [];
  const onWarning = (message: string): void => void warnings.push(message);
  const { mode } = new SWA(observedOptimizer([]), { backend, onWarning, ...options });
  return { mode, warnings: warnings.filter((each) => !each.includes('no parameters')) };
}

/** For each of the first steps, its number, its rate, and whether it averaged. */
async function trace(options: ModeOptions, count: number): Promise<[number, number, boolean][]> {
  const optimizer = sgd([{ params: [weights('w', [1])], lr: 0.1 }]);
  const swa = new SWA(optimizer, { backend, ...options });
  const steps: [number, number, boolean][] = [];
  for (let step = 1; step <= count; step += 1) {
    for (const group of swa.paramGroups) group.lr = 0.1;
    const before = swa.paramGroups[0]?.nAvg;
    await swa.step();
    steps.push([step, optimizer.rates.at(-1) ?? NaN, swa.paramGroups[0]?.nAvg !== before]);
  }
  return steps;
}

async function averaged(swaStart: number, swaFreq: number): Promise<number[]> {
  const steps = await trace({ swaStart, swaFreq }, 20);
  return steps.flatMap(([step, , isAveraged]) => (isAveraged ? [step] : []));
}

/** What torchcontrib does with start 5 and freq 2, step by step [semantics.md 2.1]. */
const TRACE = [
  [1, 0.1, false],
  [2, 0.1, false],
  [3, 0.1, false],
  [4, 0.1, false],
  [5, 0.1, false],
  [6, 0.05, true],
  [7, 0.05, false],
  [8, 0.05, true],
  [9, 0.05, false],
  [10, 0.05, true],
] as const;

describe('a step', () => {
  it('sets the rate and averages when torchcontrib does', async () => {
    expect(await trace({ swaStart: 5, swaFreq: 2, swaLr: 0.05 }, 10)).toEqual(TRACE);
  });

  it('averages on absolute multiples of swaFreq, never at swaStart itself', async () => {
    expect(await averaged(0, 5)).toEqual([5, 10, 15, 20]);
    expect(await averaged(7, 5)).toEqual([10, 15, 20]);
    expect(await averaged(10, 5)).toEqual([15, 20]);
    expect(await averaged(18, 1)).toEqual([19, 20]);
  });

  it('sets a rate of 0, and none without swaLr', async () => {
    expect(await trace({ swaStart: 0, swaFreq: 1, swaLr: 0 }, 1)).toEqual([[1, 0, true]]);
    expect(await trace({ swaStart: 0, swaFreq: 1 }, 1)).toEqual([[1, 0.1, true]]);
  });

  it('neither averages nor sets a rate in manual mode', async () => {
    expect(await trace({}, 3)).toEqual([1, 2, 3].map((step) => [step, 0.1, false]));
  });
});

describe('the mode', () => {
  it('is automatic if and only if swaStart and swaFreq are given', () => {
    expect(detect({ swaStart: 1, swaFreq: 2 })).toEqual({
      mode: { kind: 'auto', swaStart: 1, swaFreq: 2 },
      warnings: [],
    });
    expect(detect({})).toEqual({ mode: { kind: 'manual' }, warnings: [] });
  });

  it('warns of one without the other, and once more of a rate that is ignored', () => {
    expect(detect({ swaStart: 1 }).warnings).toHaveLength(1);
    expect(detect({ swaFreq: 1 }).warnings).toEqual([
      expect.stringContaining('swaFreq is given without swaStart'),
    ]);
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
    expect(detect({ swaStart: -0.5, swaFreq: 1 }).mode).toMatchObject({
      kind: 'auto',
      swaStart: 0,
    });
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
    expect(() => detect({ swaStart: 0, swaFreq: 1, swaLr: Infinity })).toThrow('Invalid swaLr');
    expect(() => detect({ swaStart: '5' as never, swaFreq: 1 })).toThrow(TypeError);
    expect(() => detect({ swaStart: 5, swaFreq: 1, swaLr: '1' as never })).toThrow(TypeError);
  });
});
