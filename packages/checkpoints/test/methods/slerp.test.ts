import { slerp } from '@polyak/checkpoints/methods';
import { describe, expect, it } from 'vitest';
import { drive, mergedOf } from './drive.js';

const close = (values: readonly number[]): unknown[] =>
  values.map((value) => expect.closeTo(value, 14));

describe('slerp', () => {
  it('goes along the circle', () => {
    const half = Math.SQRT1_2;
    expect(
      mergedOf(slerp(0.5), [
        [1, 0],
        [0, 1],
      ]),
    ).toEqual(close([half, half]));
    expect(
      mergedOf(slerp(1 / 3), [
        [2, 0],
        [0, 2],
      ]),
    ).toEqual(close([Math.sqrt(3), 1]));
    // 120 degrees apart.
    expect(
      mergedOf(slerp(0.5), [
        [1, 0],
        [-0.5, Math.sqrt(3) / 2],
      ]),
    ).toEqual(close([0.5, Math.sqrt(3) / 2]));
  });

  it('gives the models at its ends', () => {
    const models = [
      [0.1, 0.7, -3],
      [1.3, -0.2, 5],
    ];
    expect(mergedOf(slerp(0), models)).toEqual(models[0]);
    expect(mergedOf(slerp(1), models)).toEqual(models[1]);
  });

  it('is linear between parallel and opposite vectors, and where one is zero', () => {
    expect(
      mergedOf(slerp(0.25), [
        [1, 2],
        [2, 4],
      ]),
    ).toEqual([1.25, 2.5]);
    expect(
      mergedOf(slerp(0.25), [
        [1, 2],
        [-1, -2],
      ]),
    ).toEqual([0.5, 1]);
    expect(
      mergedOf(slerp(0.5), [
        [1, 2],
        [-1, -2],
      ]),
    ).toEqual([0, 0]);
    expect(
      mergedOf(slerp(0.25), [
        [0, 0],
        [4, 8],
      ]),
    ).toEqual([1, 2]);
    expect(
      mergedOf(slerp(0.25), [
        [4, 8],
        [0, 0],
      ]),
    ).toEqual([3, 6]);
    expect(mergedOf(slerp(0.25), [[0], [0]])).toEqual([0]);
  });

  it('is linear from a cosine of 0.9995 on', () => {
    const at = (cosine: number): readonly number[] => [cosine, Math.sqrt(1 - cosine ** 2)];
    const length = (cosine: number): number =>
      Math.hypot(...mergedOf(slerp(0.5), [[1, 0], at(cosine)]));
    expect(length(0.99949)).toBeCloseTo(1, 14);
    expect(1 - length(0.99951)).toBeGreaterThan(1e-4);
    expect(length(-0.99949)).toBeCloseTo(1, 12);
    expect(length(-0.99951)).toBeLessThan(0.02);
  });

  it('keeps numbers that are not finite to their elements', () => {
    expect(
      mergedOf(slerp(0.5), [
        [1, Number.NaN, 3],
        [3, 0, 5],
      ]),
    ).toEqual([2, Number.NaN, 4]);
    expect(
      mergedOf(slerp(0.5), [
        [1, Infinity],
        [3, 0],
      ]),
    ).toEqual([2, Infinity]);
  });

  it('takes one pass, two models and no base', () => {
    const models = [Float64Array.of(1), Float64Array.of(2)];
    expect(drive(slerp(0.5), { name: 'w', models }).passes).toBe(1);
    const { models: count, needsBase } = slerp(0.5);
    expect([count, needsBase]).toEqual([{ least: 2, most: 2 }, false]);
  });

  it('refuses a t that is not in [0, 1]', () => {
    expect(() => slerp(1.5)).toThrow('slerp: t is 1.5, expected a number in [0, 1].');
    expect(() => slerp(Number.NaN)).toThrow(RangeError);
    expect(() => slerp('0.5' as unknown as number)).toThrow(TypeError);
  });
});
