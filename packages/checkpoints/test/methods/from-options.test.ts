import { METHODS, methodOf } from '@polyak/checkpoints/methods';
import { describe, expect, it } from 'vitest';

describe('methodOf', () => {
  const OPTIONS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    slerp: { t: 0.5 },
    'task-arithmetic': { lambda: 0.5, weights: [1, 2] },
    ties: { density: 0.2, elect: 'count', lambda: 1, weights: [1, 2] },
    dare: { density: 0.2, seed: 9, elect: 'sum', lambda: 2, weights: [-1] },
    'model-stock': {},
  };

  it.each(METHODS)('makes %s again from its record', (name) => {
    const method = methodOf(name, OPTIONS[name]);
    expect(method.name).toBe(name);
    expect(method.options).toEqual(OPTIONS[name]);
    const record = JSON.parse(JSON.stringify(method.options)) as Readonly<Record<string, unknown>>;
    expect(methodOf(method.name, record).options).toEqual(method.options);
  });

  it('refuses unknown methods and options, and lists the known ones', () => {
    expect(() => methodOf('constructor')).toThrow(
      'there is no method "constructor". Expected one of slerp, task-arithmetic, ties, dare, ' +
        'model-stock.',
    );
    expect(() => methodOf('slerp', { ratio: 1 })).toThrow('no option "ratio". Expected { t }.');
    expect(() => methodOf('slerp')).toThrow('slerp: t is missing, expected a number in [0, 1].');
    expect(() =>
      methodOf('ties', JSON.parse('{"density":1,"__proto__":1}') as Record<string, unknown>),
    ).toThrow('no option "__proto__"');
    expect(() => methodOf('model-stock', { t: 1 })).toThrow('no option "t"');
    expect(() => methodOf('dare', [] as unknown as Record<string, unknown>)).toThrow('an array');
  });
});
