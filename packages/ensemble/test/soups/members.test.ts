// Soups that know their members by name, merged soups, and soups saved and loaded.
import { fromSafetensors, toSafetensors } from '@polyak/core';
import type { NamedTensors, StateTree } from '@polyak/core';
import type { HostTensor } from '@polyak/core/interfaces';
import { Soup } from '@polyak/ensemble';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonical } from '../../../../tests/support/arbitrary-tensor.js';

/** Two values in float32, one in bfloat16, and a counter. */
function model(first: number, second: number, steps = 0): NamedTensors {
  return {
    w: { dtype: 'float32', shape: [2], data: Float32Array.of(first, second) },
    h: { dtype: 'bfloat16', shape: [], data: Uint16Array.of(0x3f80 + steps) },
    steps: { dtype: 'int64', shape: [1], data: BigInt64Array.of(BigInt(steps)) },
  };
}

const [A, B, C] = [model(1, 2e30, 1), model(3e-30, -5, 2), model(7, 11, 3)] as const;
const refused = (message: string | RegExp): object =>
  expect.objectContaining({ code: 'ERR_STATE', message: expect.stringMatching(message) });

describe('a member with a name', () => {
  it('cannot be added twice', () => {
    const soup = new Soup().add(A, { name: 'a' });
    expect(() => soup.add(B, { name: 'a' })).toThrow(refused('has "a" already'));
    expect(soup.mean()).toEqual(new Soup().add(A).mean());
    expect(soup.names).toEqual(['a']);
  });

  it('can be added again once it was removed', () => {
    const soup = new Soup().add(A, { name: 'a' }).add(B).remove(A, { name: 'a' });
    expect(soup.names).toEqual([]);
    expect(soup.add(C, { name: 'a' }).count).toBe(2);
  });

  it('cannot be removed where it was never added', () => {
    const soup = new Soup().add(A, { name: 'a' }).add(B);
    const before = canonical(soup.stateDict());
    expect(() => soup.remove(B, { name: 'b' })).toThrow(refused('the soup has no member "b"'));
    expect(() => soup.remove(B, { name: 'a' })).toThrow(refused('not the weights'));
    expect(canonical(soup.stateDict())).toBe(before);
  });

  it.each(['w', 'h', 'steps'])('is not removed where "%s" has changed in one place', (changed) => {
    const soup = new Soup().add(A, { name: 'a' }).add(B);
    const tensor = A[changed] as HostTensor;
    const data = tensor.data.slice();
    const bytes = new Uint8Array(data.buffer);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    const other = { ...A, [changed]: { ...tensor, data } };
    expect(() => soup.remove(other, { name: 'a' })).toThrow(refused('not the weights'));
  });

  it('is known in another order of its tensors', () => {
    const soup = new Soup().add(A, { name: 'a' }).add(B);
    const turned = Object.fromEntries(Object.entries(A).toReversed());
    expect(soup.remove(turned, { name: 'a' }).mean()['w']).toEqual(B['w']);
  });

  it('takes its weight along', () => {
    const soup = new Soup().add(A, { name: 'a', weight: 0.3 }).add(C);
    expect(() => soup.remove(A, { name: 'a', weight: 1 })).toThrow(
      new RangeError('Soup.remove: weight is 1, but "a" was added with 0.3. Leave it out.'),
    );
    expect(soup.remove(A, { name: 'a' }).mean()['w']).toEqual(C['w']);
    soup.add(A, { name: 'a', weight: -2 });
    expect(soup.remove(A, { name: 'a', weight: -2 }).mean()['w']).toEqual(C['w']);
  });

  it('is asked for where all members have one', () => {
    const soup = new Soup().add(A, { name: 'a' }).add(B, { name: 'b' });
    expect(() => soup.remove(A)).toThrow(refused('all members have names'));
    expect(soup.add(A).remove(A).count).toBe(2);
  });

  it('needs a string', () => {
    expect(() => new Soup().add(A, { name: 3 as never })).toThrow(TypeError);
    expect(() => new Soup().add(A, 2 as never)).toThrow('Expected { weight, name }');
  });
});

describe('Soup.merge', () => {
  const VALUE = fc.float({ noNaN: true, noDefaultInfinity: true });
  const MEMBERS = fc.array(fc.tuple(VALUE, VALUE, fc.constantFrom(1, 0.7, 3)), { minLength: 1 });

  function soupOf(members: readonly (readonly [number, number, number])[]): Soup {
    const soup = new Soup();
    for (const [first, second, weight] of members) soup.add(model(first, second), { weight });
    return soup;
  }

  it('is to the bit the soup of all members', () => {
    fc.assert(
      fc.property(MEMBERS, MEMBERS, (left, right) => {
        const merged = soupOf(left).merge(soupOf(right));
        expect(merged.mean()).toEqual(soupOf([...right, ...left]).mean());
        expect(merged.count).toBe(left.length + right.length);
      }),
      { seed: 10 },
    );
  });

  it('leaves the other as it was, and shares nothing with it', () => {
    const other = new Soup().add(B, { name: 'b' }).add(C);
    const before = canonical(other.stateDict());
    const soup = new Soup().merge(other);
    expect(canonical(soup.stateDict())).toBe(before);
    soup.add(A).remove(B, { name: 'b' });
    expect(canonical(other.stateDict())).toBe(before);
    expect(soup.mean()['steps']).toEqual(A['steps']);
    expect(soup.merge(new Soup()).count).toBe(2);
  });

  it('refuses what both have, what does not fit, and itself', () => {
    const soup = new Soup().add(A, { name: 'a' }).add(B, { name: 'b' });
    const before = canonical(soup.stateDict());
    const both = new Soup().add(C, { name: 'c' }).add(A, { name: 'a' }).add(B, { name: 'b' });
    expect(() => soup.merge(both)).toThrow(refused('has "a" already; it has "b" already'));
    const { h, ...rest } = C;
    expect(() => soup.merge(new Soup().add(rest))).toThrow(refused('it lacks "h"'));
    expect(() => soup.merge(soup)).toThrow(TypeError);
    expect(() => soup.merge({ count: 1 } as never)).toThrow(TypeError);
    const large = { w: { dtype: 'float64', shape: [], data: Float64Array.of(1.5e308) } } as const;
    const full = new Soup().add(large);
    expect(() => full.merge(new Soup().add(large))).toThrow('the sum of "w" overflows');
    expect(full.mean()).toEqual(large);
    expect(canonical(soup.stateDict())).toBe(before);
    expect(h).toBeDefined();
  });
});

describe('the state of a soup', () => {
  const SOUP = (): Soup => new Soup().add(A, { name: 'a', weight: 0.3 }).add(B).add(C);

  it('goes on after its bytes as if it had never been saved', () => {
    const soup = new Soup();
    soup.loadStateDict(fromSafetensors(toSafetensors(SOUP().stateDict())));
    expect(soup.count).toBe(3);
    expect(soup.mean()).toEqual(SOUP().mean());
    expect(() => soup.add(C, { name: 'a' })).toThrow(refused('already'));
    expect(soup.remove(A, { name: 'a' }).remove(B).mean()['w']).toEqual(C['w']);
    expect(() => soup.add({ ...A, h: { ...C['h'], dtype: 'float16' } as HostTensor })).toThrow(
      refused('"h" is float16\\[\\], expected bfloat16'),
    );
  });

  it('is that of a soup without members, too', () => {
    const soup = SOUP();
    soup.loadStateDict(fromSafetensors(toSafetensors(new Soup().stateDict())));
    expect(soup.count).toBe(0);
    expect(soup.add(C).mean()['w']).toEqual(C['w']);
  });

  it('is a copy, and is copied', () => {
    const soup = SOUP();
    const state = soup.stateDict();
    const [before, other] = [canonical(state), new Soup()];
    other.loadStateDict(state);
    soup.add(A);
    expect(canonical(state)).toBe(before);
    for (const { data } of state.sums['w']?.parts ?? []) data.fill(0 as never);
    state.copies['steps']?.data.fill(0n as never);
    expect(canonical(other.stateDict())).toBe(before);
  });

  const parts = (...tensors: HostTensor[]): object => ({ dtype: 'float32', parts: tensors });
  const float64 = (...values: number[]): HostTensor => {
    return { dtype: 'float64', shape: [values.length], data: Float64Array.from(values) };
  };
  const hostile: readonly (readonly [string, object | null, string])[] = [
    ['null', null, 'not the state of a Soup'],
    ['another version', { version: 2 }, 'not the state of a Soup'],
    ['a count below 0', { count: -1 }, 'count is -1'],
    ['fewer members than names', { count: 0 }, 'it names 1 members of 0'],
    ['tensors of no members', { count: 0, named: {} }, 'it has tensors, but no members'],
    [
      'a name without a weight',
      { named: { a: { checksum: 1 } } },
      'the weight of "a" is undefined',
    ],
    [
      'a checksum of 2^32',
      { named: { a: { weight: 1, checksum: 2 ** 32 } } },
      'the checksum of "a"',
    ],
    ['no weights', { weights: [] }, 'a part of the sum of the weights is not a tensor'],
    [
      'three weights',
      { weights: [float64(1, 1, 1)] },
      'is float64\\[3\\], expected float64\\[2\\]',
    ],
    [
      'a sum of integers',
      { sums: { w: { dtype: 'int32', parts: [float64(1)] } } },
      'dtype "int32"',
    ],
    ['a sum without parts', { sums: { w: parts() } }, 'a part of the sum of "w" is not a tensor'],
    [
      'parts of two shapes',
      { sums: { w: parts(float64(1), float64()) } },
      'expected float64\\[1\\]',
    ],
    [
      'parts in float32',
      { sums: { w: parts(A['w'] as HostTensor) } },
      'is float32\\[2\\], expected',
    ],
    ['NaN', { sums: { w: parts(float64(NaN)) } }, 'the sum of "w" is not finite'],
    ['a sum that overflows', { sums: { w: parts(float64(1e308), float64(1e308)) } }, 'not finite'],
    ['a copy of floats', { copies: { v: A['w'] } }, 'the copy "v" is float32'],
    ['a copy that is a number', { copies: { v: 1 } }, 'the copy "v" is not a tensor'],
    [
      'a tensor in two places',
      { copies: { w: A['steps'] } },
      '"w" is among the sums and the copies',
    ],
  ];

  it.each(hostile)('refuses %s', (_, change, message) => {
    const soup = SOUP();
    const before = canonical(soup.stateDict());
    const state = change === null ? null : { ...soup.stateDict(), ...change };
    expect(() => soup.loadStateDict(state as StateTree)).toThrow(refused(message));
    expect(canonical(soup.stateDict())).toBe(before);
  });
});
