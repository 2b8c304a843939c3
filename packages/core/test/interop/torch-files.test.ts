// What is refused of files that other libraries wrote, or seem to have written.
import type { NamedTensors } from '@polyak/core';
import type { HostTensor } from '@polyak/core/interfaces';
import { fromDiffusers } from '@polyak/core/interop';
import { describe, expect, it } from 'vitest';

function int64(...values: number[]): HostTensor {
  return { dtype: 'int64', shape: [values.length], data: BigInt64Array.from(values, BigInt) };
}

function float32(...values: number[]): HostTensor {
  return { dtype: 'float32', shape: [values.length], data: Float32Array.from(values) };
}

describe('a file that torch did not write', () => {
  const step = int64(3);
  const file = { optimization_step: step, 'shadow_params.0': float32(1, 2) };
  const lying: HostTensor = { ...float32(1, 2), shape: [3] };

  it.each<[string, NamedTensors, string]>([
    ['two counts', { ...file, optimization_step: int64(3, 4) }, 'has 2 elements, expected one'],
    ['no count', { ...file, optimization_step: int64() }, 'is [], expected integers >= 0'],
    ['a count below 0', { ...file, optimization_step: int64(-1) }, 'is [-1], expected integers'],
    ['half a step', { ...file, optimization_step: float32(0.5) }, 'is [0.5], expected integers'],
    [
      'many wrong counts',
      { ...file, optimization_step: int64(1, 2, 3, 4, 5, 6, 7, 8, -9) },
      'is [1, 2, 3, 4, 5, 6, 7, 8], expected integers',
    ],
    ['a missing weight', { optimization_step: step, 'shadow_params.1': step }, 'has no "shadow'],
    ['a lying shape', { ...file, 'shadow_params.0': lying }, '"shadow_params.0" '],
  ])('is refused: %s', (_, tensors, message) => {
    expect(() => fromDiffusers(tensors, ['w'])).toThrow(
      expect.objectContaining({
        code: 'ERR_STATE',
        message: expect.stringContaining(message) as string,
      }),
    );
  });

  it('is not read by names that are no strings, or given twice', () => {
    expect(() => fromDiffusers(file, [5 as never])).toThrow('a name is 5, expected a string');
    expect(() => fromDiffusers({ ...file, 'shadow_params.1': step }, ['w', 'w'])).toThrow(
      'the name "w" is given twice',
    );
    expect(fromDiffusers(file, ['w'])).toEqual({ nAvg: [3], swaState: { w: float32(1, 2) } });
  });
});
