// Copies between the precision of averages and that of the model, where only some are half.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { AveragedModel, ParameterSet } from '@polyak/core';
import type { Backend, DType, HostTensor } from '@polyak/core/interfaces';
import { halfBits } from '@polyak/core/kit';
import { describe, expect, it } from 'vitest';
import { halfBackend, halfParameter } from '../../../../tests/support/half-backend.js';

function tensor(dtype: 'float32' | 'float16' | 'bfloat16', ...values: number[]): HostTensor {
  const data =
    dtype === 'float32'
      ? Float32Array.from(values)
      : Uint16Array.from(values, (value) => halfBits(dtype, value));
  return { dtype, shape: [values.length], data };
}

function mixed() {
  const parameters = [
    halfParameter('wide', tensor('float32', 1, 2)),
    halfParameter('half', tensor('float16', 3, 4)),
    halfParameter('brain', tensor('bfloat16', 5, 6)),
  ];
  return { parameters, set: new ParameterSet(parameters, { backend: halfBackend() }) };
}

describe('a model of which some parameters are half precision', () => {
  it('is given each in its own', async () => {
    const { parameters, set } = mixed();
    const fine = 1 + 2 ** -20;
    const [wide, half, brain] = [fine, 2, 3].map((value) => tensor('float32', value, -value));
    await set.write({ wide, half, brain } as Record<string, HostTensor>);
    expect(parameters.map((place) => place.get())).toEqual([
      tensor('float32', fine, -fine),
      tensor('float16', 2, -2),
      tensor('bfloat16', 3, -3),
    ]);
  });

  it('refuses by name the one that is too large', async () => {
    const { parameters, set } = mixed();
    const [wide, half, brain] = [1e6, 70_000, 80_000].map((value) => tensor('float32', value, 1));
    await expect(set.write({ wide, half, brain } as Record<string, HostTensor>)).rejects.toThrow(
      'write: the average of "half" is too large',
    );
    expect(parameters.map((place) => place.get())).toEqual([
      tensor('float32', 1, 2),
      tensor('float16', 3, 4),
      tensor('bfloat16', 5, 6),
    ]);
  });
});

describe('half precision', () => {
  const only = (dtypes: readonly DType[]): Backend<HostTensor> => {
    const { cast: _, ...rest } = { ...halfBackend(), dtypes };
    return rest;
  };

  it.each([
    [only(['float32', 'float16', 'int32']), 'plain takes float32, int32.'],
    [cpuBackend(), 'takes float64, float32, int64, int32, int16, int8, uint64, uint32, uint16,'],
  ])('is refused by a backend that does not cast it', (backend, message) => {
    const parameters = [halfParameter('h', tensor('float16', 1))];
    const make = () => new ParameterSet<HostTensor>(parameters, { backend });
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED' }));
    expect(make).toThrow('"h" is float16[1]; the backend ');
    expect(make).toThrow(message);
  });
});

it('a result that a backend calls not finite is named, also where nothing shows it', async () => {
  const backend: Backend<HostTensor> = {
    ...cpuBackend(),
    average: () => ({ kind: 'refused', nonFinite: [0] }),
  };
  const w = parameter('w', { dtype: 'float32', shape: [2], data: Float32Array.of(1, 2) });
  const model = new AveragedModel([w], { backend });
  await model.update();
  await expect(model.update()).rejects.toThrow(
    'update: a result that is not finite of "w" in update 2. The averages are unchanged.',
  );
});
