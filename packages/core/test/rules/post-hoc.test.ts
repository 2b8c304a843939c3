// Post-hoc EMA, against averages with the wanted profile that were kept during the same run.
import { cpuBackend } from '@polyak/backend-cpu';
import { SWA } from '@polyak/core';
import type { NamedTensors } from '@polyak/core';
import { gammaOf, postHocWeights, powerFunction } from '@polyak/core/rules';
import type { PowerProfile } from '@polyak/core/rules';
import { describe, expect, it } from 'vitest';
import { gaussian, sgd, weights } from '../../../../tests/support/sgd.js';

describe('gammaOf', () => {
  it('gives the profiles that the paper names', () => {
    expect(gammaOf(0.05)).toBeCloseTo(16.97, 2);
    expect(gammaOf(0.1)).toBeCloseTo(6.94, 2);
  });

  it('is the inverse of the standard deviation of the profile', () => {
    for (const sigma of [1e-6, 0.01, 0.05, 0.2, 0.288, Math.sqrt(1 / 12)]) {
      const gamma = gammaOf(sigma);
      expect(Math.sqrt((gamma + 1) / ((gamma + 2) ** 2 * (gamma + 3))) / sigma).toBeCloseTo(1, 9);
    }
    expect(gammaOf(Math.sqrt(1 / 12))).toBeCloseTo(0, 9);
  });

  it.each([0, -0.1, 0.3, NaN])('refuses %d', (sigma) => {
    expect(() => gammaOf(sigma)).toThrow('expected a number in (0, 0.2886751');
  });
});

describe('postHocWeights', () => {
  const KEPT = { narrow: gammaOf(0.05), wide: gammaOf(0.1) };
  const STEPS = 4000;

  /**
   * Snapshots of two averages of a noisy walk every 250 steps, and the average with `gamma` at its
   * end.
   */
  async function run(gamma: number): Promise<{
    readonly profiles: readonly PowerProfile[];
    readonly snapshots: readonly NamedTensors[];
    readonly wanted: Float64Array;
  }> {
    const cell = weights('w', [32]);
    const tensor = { dtype: 'float64', shape: [32], data: new Float64Array(32) } as const;
    const parameter = { ...cell, get: () => tensor };
    const averages = {
      narrow: powerFunction(KEPT.narrow),
      wide: powerFunction(KEPT.wide),
      wanted: powerFunction(gamma),
    };
    const swa = new SWA(sgd([{ params: [parameter], lr: 0 }]), { backend: cpuBackend(), averages });
    const normal = gaussian();
    const [profiles, snapshots]: [PowerProfile[], NamedTensors[]] = [[], []];
    for (let step = 1; step <= STEPS; step += 1) {
      tensor.data.forEach((value, index) => {
        tensor.data[index] = value + normal() / 100 + (index - value) / 1000;
      });
      await swa.updateSwa();
      if (step % 250 > 0) continue;
      const state = await swa.stateDict();
      for (const name of ['narrow', 'wide'] as const) {
        profiles.push({ step, gamma: KEPT[name] });
        snapshots.push(state.averages[name]?.swaState ?? {});
      }
    }
    const { averages: last } = await swa.stateDict();
    await swa.dispose();
    return { profiles, snapshots, wanted: last['wanted']?.swaState['w']?.data as Float64Array };
  }

  it.each([0.05, 0.07, 0.1, 0.15, 0.2])(
    'makes the profile of sigma %d within 2e-3',
    async (sigma) => {
      const gamma = gammaOf(sigma);
      const { profiles, snapshots, wanted } = await run(gamma);
      const made = new Float64Array(32);
      for (const [index, share] of postHocWeights(profiles, { step: STEPS, gamma }).entries()) {
        const kept = snapshots[index]?.['w']?.data as Float64Array;
        kept.forEach((value, n) => {
          made[n] = (made[n] ?? 0) + share * value;
        });
      }
      const distance = Math.hypot(...wanted.map((value, index) => value - (made[index] ?? 0)));
      expect(distance / Math.hypot(...wanted)).toBeLessThan(2e-3);
      // What was kept is not it already.
      if (sigma === 0.05 || sigma === 0.1) return;
      const nearest = snapshots.at(sigma < 0.1 ? -2 : -1)?.['w']?.data as Float64Array;
      const off = Math.hypot(...wanted.map((value, index) => value - (nearest[index] ?? 0)));
      expect(distance / off).toBeLessThan(0.05);
    },
  );

  it('sums up to 1, and is the snapshot itself where that is what is wanted', () => {
    const kept = [250, 500, 750, 1000].flatMap((step) =>
      Object.values(KEPT).map((gamma) => ({ step, gamma })),
    );
    const shares = postHocWeights(kept, { step: 900, gamma: 10 });
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
    const own = postHocWeights(kept, { step: 500, gamma: KEPT.wide });
    expect(own.map((share) => Math.abs(Math.round(share * 1e9) / 1e9))).toEqual([
      0, 0, 0, 1, 0, 0, 0, 0,
    ]);
  });

  it('solves the normal equations of the profiles', () => {
    const kept = [
      { step: 2, gamma: 1 },
      { step: 3, gamma: 2 },
    ];
    const golden = [-243 / 1622, 1865 / 1622].map((weight) => expect.closeTo(weight, 12) as number);
    expect(postHocWeights(kept, { step: 3, gamma: 3 })).toEqual(golden);
    expect(postHocWeights(kept.toReversed(), { step: 3, gamma: 3 })).toEqual(golden.toReversed());
    expect(postHocWeights([{ step: 3, gamma: 0 }], { step: 3, gamma: 0 })).toEqual([1]);
  });

  it('refuses invalid profiles, two equal ones, and a target after all snapshots', () => {
    const one = { step: 10, gamma: 1 };
    expect(() => postHocWeights([{ step: 0, gamma: 1 }], one)).toThrow('is not a profile');
    expect(() => postHocWeights([one], { step: 5, gamma: -1 })).toThrow('is not a profile');
    for (const profile of [
      { step: Infinity, gamma: 1 },
      { step: 10, gamma: Infinity },
    ]) {
      expect(() => postHocWeights([profile], one)).toThrow('is not a profile');
    }
    expect(() => postHocWeights([{ step: '10', gamma: 1 } as never], one)).toThrow('is a string');
    expect(() => postHocWeights(one as never, one)).toThrow('the snapshots are');
    expect(() => postHocWeights([one, one], one)).toThrow('two snapshots are equal');
    expect(() => postHocWeights([one], { step: 11, gamma: 1 })).toThrow('at step 11 or later');
    expect(() => postHocWeights([], one)).toThrow(RangeError);
  });
});
