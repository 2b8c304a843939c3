import { taskArithmetic } from '@polyak/checkpoints/methods';
import { describe, expect, it } from 'vitest';
import { drive, mergedOf } from './drive.js';

describe('taskArithmetic', () => {
  const base = [10, 20, 30];
  const models = [
    [11, 20, 33],
    [10, 24, 26],
  ];

  it('adds what each model changed', () => {
    expect(mergedOf(taskArithmetic(), models, base)).toEqual([11, 24, 29]);
    expect(mergedOf(taskArithmetic({ lambda: 0.5 }), models, base)).toEqual([10.5, 22, 29.5]);
  });

  it('weighs the models, and takes away with a negative weight', () => {
    const method = taskArithmetic({ lambda: 2, weights: [1, -0.5] });
    expect(mergedOf(method, models, base)).toEqual([12, 16, 40]);
    expect(method.models).toEqual({ least: 2, most: 2 });
  });

  it('gives a model itself, and the base where nothing was changed', () => {
    expect(mergedOf(taskArithmetic(), [[1, 2]], [3, 5])).toEqual([1, 2]);
    expect(mergedOf(taskArithmetic(), [base, base], base)).toEqual(base);
    expect(mergedOf(taskArithmetic({ lambda: 0 }), models, base)).toEqual(base);
  });

  it('takes no pass', () => {
    const tensors = { name: 'w', models: [Float64Array.of(1)], base: Float64Array.of(2) };
    expect(drive(taskArithmetic(), tensors).passes).toBe(0);
  });

  it('records its options', () => {
    expect(taskArithmetic().options).toEqual({ lambda: 1 });
    expect(taskArithmetic({ weights: [1, 2] }).options).toEqual({ lambda: 1, weights: [1, 2] });
  });

  it('refuses options of other names, types and ranges', () => {
    const make =
      (options: object): (() => unknown) =>
      () =>
        taskArithmetic(options);
    expect(make({ weight: [1] })).toThrow(
      'there is no option "weight". Expected { lambda, weights }',
    );
    expect(make({ lambda: '1' })).toThrow('lambda is a value of type string');
    expect(make({ lambda: Infinity })).toThrow('lambda is Infinity, expected a finite number');
    expect(make({ weights: [] })).toThrow('weights is not a list of numbers');
    expect(make({ weights: [1, Number.NaN] })).toThrow('weight 1 is NaN');
  });
});
