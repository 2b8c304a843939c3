// A cell over a typed array: whoever holds the array sees what is set.
import { parameter } from '@polyak/backend-cpu';
import type { HostTensor } from '@polyak/core/interfaces';
import { expect, it } from 'vitest';

function float32(...values: readonly number[]): HostTensor {
  return { dtype: 'float32', shape: [values.length], data: Float32Array.from(values) };
}

it('gives out the tensor itself', () => {
  const tensor = float32(1);
  expect(parameter('w', tensor).get()).toBe(tensor);
});

it('copies what is set into the array of the model', async () => {
  const tensor = float32(1, 2);
  const other = float32(NaN, -0);
  const cell = parameter('w', tensor);
  await cell.set(other);
  expect([...tensor.data]).toEqual([NaN, -0]);
  expect(cell.get()).toBe(tensor);
  other.data[0] = 7;
  expect(tensor.data[0]).toBeNaN();
});

it('leaves its own tensor as it is', async () => {
  const tensor = float32(1, 2);
  await parameter('w', tensor).set(tensor);
  expect([...tensor.data]).toEqual([1, 2]);
});

it('refuses another shape or dtype', () => {
  const cell = parameter('w', float32(1, 2));
  expect(() => cell.set(float32(1))).toThrow(expect.objectContaining({ code: 'ERR_PARAMETERS' }));
  const doubles: HostTensor = { dtype: 'float64', shape: [2], data: new Float64Array(2) };
  expect(() => cell.set(doubles)).toThrow('"w" is float64[2], expected float32[2]');
});

it('refuses a tensor that is not what its dtype and shape say', () => {
  expect(() => parameter('w', { dtype: 'float32', shape: [3], data: new Float32Array(2) })).toThrow(
    RangeError,
  );
  expect(() => parameter('w', { dtype: 'float32', shape: [2], data: new Float64Array(2) })).toThrow(
    TypeError,
  );
  expect(() => parameter('w', { dtype: 'float16', shape: [2], data: new Uint16Array(2) })).toThrow(
    expect.objectContaining({ code: 'ERR_UNSUPPORTED' }),
  );
});

it('refuses to be set to one that is not, and keeps its values', () => {
  const tensor = float32(1, 2);
  const cell = parameter('w', tensor);
  const [dtype, shape] = ['float32', [2]] as const;
  expect(() => cell.set({ dtype, shape, data: new Float64Array(2) })).toThrow(TypeError);
  expect(() => cell.set({ dtype, shape, data: new Float32Array(1) })).toThrow(RangeError);
  expect([...tensor.data]).toEqual([1, 2]);
});

it('is known by the stretch of memory that it writes to', () => {
  const buffer = new Float32Array(8);
  const view = (): HostTensor => ({ dtype: 'float32', shape: [3], data: buffer.subarray(2, 5) });
  const [first, second] = [parameter('a', view()), parameter('b', view())];
  expect(first.identity).toEqual({ memory: buffer.buffer, byteOffset: 8, byteLength: 12 });
  expect(first.identity).toHaveProperty('memory', buffer.buffer);
  expect(second.identity).toEqual(first.identity);
});

it.each<[string, readonly unknown[]]>([
  ['no tensor', ['w']],
  ['a bare array for it', ['w', new Float32Array(2)]],
  ['a tensor without shape', ['w', { dtype: 'float32', data: new Float32Array(2) }]],
  ['numbers for the data', ['w', { dtype: 'float32', shape: [2], data: [1, 2] }]],
  ['the tensor before the name', [float32(1), 'w']],
  ['no name', [undefined, float32(1)]],
])('refuses %s, and says what is expected', (_, given) => {
  const call = (): unknown => parameter(...(given as [string, HostTensor]));
  expect(call).toThrow(TypeError);
  expect(call).toThrow('expected a name and a tensor, such as');
});
