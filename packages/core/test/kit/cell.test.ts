// A cell is its own identity, and takes the new before it drops the old.
import { cell } from '@polyak/core/kit';
import { expect, it } from 'vitest';

it('is its own identity whatever it holds', () => {
  const parameter = cell<string>('w', 'first', { take: (tensor) => tensor, drop: () => {} });
  expect(parameter.identity).toBe(parameter);
  parameter.set('second');
  expect(parameter.identity).toBe(parameter);
  expect(parameter.get()).toBe('second');
});

it('takes the new before it drops the old', () => {
  const order: string[] = [];
  const parameter = cell<string>('w', 'first', {
    take: (tensor) => {
      order.push(`take ${tensor}`);
      return tensor;
    },
    drop: (tensor) => order.push(`drop ${tensor}`),
  });
  parameter.set('second');
  expect(order).toEqual(['take second', 'drop first']);
});

it('holds what it held where the new is refused', () => {
  const parameter = cell<string>('w', 'first', {
    take: () => {
      throw new Error('refused');
    },
    drop: () => {},
  });
  expect(() => parameter.set('second')).toThrow('refused');
  expect(parameter.get()).toBe('first');
});
