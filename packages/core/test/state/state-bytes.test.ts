import { runInNewContext } from 'node:vm';
import * as fc from 'fast-check';
import { fromSafetensors, toSafetensors, toSafetensorsChunks } from '@polyak/core';
import type { StateTree } from '@polyak/core';
import type { HostTensor } from '@polyak/core/interfaces';
import { decodeSafetensors, encodeSafetensors } from '@polyak/safetensors';
import { describe, expect, it } from 'vitest';
import { anyName, anyTensor, canonical } from '../../../../tests/support/arbitrary-tensor.js';

const weight: HostTensor = { dtype: 'float32', shape: [2], data: Float32Array.of(1, 2) };

// Keys may hold half a surrogate pair, which no safetensors name may.
const anyKey = fc.oneof(
  anyName,
  fc.constantFrom(
    '\ud800',
    '\udfff',
    '__metadata__',
    '$number',
    '$$tensor',
    'data',
    'dtype',
    'shape',
    '0',
    'a',
    'b',
  ),
);
const anyNumber = fc.oneof(
  fc.double(),
  fc.constantFrom(NaN, Infinity, -Infinity, -0, 5e-324, 2 ** 53 + 2, Number.MAX_VALUE),
);
const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(fc.nat(0xffff), { maxLength: 4 }).map((units) => String.fromCharCode(...units)),
);
const { state: anyState } = fc.letrec<{ state: StateTree }>((tie) => ({
  state: fc.oneof(
    { maxDepth: 5, depthSize: 'medium' },
    anyTensor,
    anyNumber,
    anyText,
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('state'), { maxLength: 4 }),
    fc
      .array(fc.tuple(anyKey, tie('state')), { maxLength: 5 })
      .map((pairs) => Object.fromEntries(pairs)),
  ),
}));

const pack = (state: unknown): Uint8Array => Reflect.apply(toSafetensors, undefined, [state]);

function nested(levels: number, leaf: StateTree): StateTree {
  let state = leaf;
  for (let level = 0; level < levels; level += 1) state = level % 2 === 0 ? [state] : { a: state };
  return state;
}

describe('toSafetensors', () => {
  it('is undone by fromSafetensors, to the bit and to the order of keys', () => {
    fc.assert(
      fc.property(anyState, (state) => {
        const bytes = toSafetensors(state);
        expect(canonical(fromSafetensors(bytes))).toBe(canonical(state));
        expect(toSafetensors(fromSafetensors(bytes))).toEqual(bytes);
        expect(canonical(fromSafetensors(bytes, { copy: false }))).toBe(canonical(state));
        expect(Buffer.concat([...toSafetensorsChunks(state)]).equals(bytes)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it('puts tensors under their paths and the rest into readable JSON', () => {
    const state = {
      nAvg: 3,
      lr: [0.1, -0, NaN],
      $rule: 'equal',
      swaState: { 'conv1.weight': weight, 'conv2d/kernel': weight },
      groups: [{ momentum: weight }],
    };
    const { tensors, metadata } = decodeSafetensors(toSafetensors(state));
    expect(Object.keys(tensors)).toEqual([
      'groups/0/momentum',
      'swaState/conv1.weight',
      'swaState/conv2d/kernel',
    ]);
    expect(JSON.parse(metadata['polyak'] ?? '')).toEqual({
      version: 1,
      state: {
        nAvg: 3,
        lr: [0.1, { $number: '-0' }, { $number: 'NaN' }],
        $$rule: 'equal',
        swaState: {
          'conv1.weight': { $tensor: 'swaState/conv1.weight' },
          'conv2d/kernel': { $tensor: 'swaState/conv2d/kernel' },
        },
        groups: [{ momentum: { $tensor: 'groups/0/momentum' } }],
      },
    });
  });

  it.each<[string, StateTree, readonly string[]]>([
    ['a tensor alone', weight, ['']],
    [
      'paths that join to the same name',
      { 'a/b': weight, a: { b: weight, 'b#2': weight } },
      ['a/b', 'a/b#2', 'a/b#2#2'],
    ],
    [
      'three paths that join to the same name',
      { 'a/b/c': weight, 'a/b': { c: weight }, a: { 'b/c': weight } },
      ['a/b/c', 'a/b/c#2', 'a/b/c#3'],
    ],
    ['the reserved name', { ['__metadata__']: weight }, ['__metadata__#2']],
    ['halves of surrogate pairs', { '\ud800': weight, '\udc00': weight }, ['\ufffd', '\ufffd#2']],
    ['an empty key', { '': { '': weight }, '/': weight }, ['/', '/#2']],
  ])('finds a name for %s', (_what, state, names) => {
    const bytes = toSafetensors(state);
    expect(Object.keys(decodeSafetensors(bytes).tensors).toSorted()).toEqual(names);
    expect(canonical(fromSafetensors(bytes))).toBe(canonical(state));
  });

  it('writes a tensor that occurs twice twice', () => {
    const state = fromSafetensors(toSafetensors([weight, weight]));
    expect(state).toEqual([weight, weight]);
    expect(Array.isArray(state) && state[0] !== state[1]).toBe(true);
  });

  it('writes a record or list that occurs twice twice', () => {
    const [record, list] = [{ a: 1 }, [weight]];
    const state = { record, list, again: [record, list] };
    expect(fromSafetensors(toSafetensors(state))).toEqual(state);
  });

  it('takes records without a prototype and from another realm', () => {
    const record = Object.assign(Object.create(null), { a: 1 });
    expect(fromSafetensors(pack(record))).toEqual({ a: 1 });
    const foreign: unknown = runInNewContext(
      '({ list: [1, 2], w: { dtype: "float32", shape: [2], data: Float32Array.of(1, 2) } })',
    );
    expect(fromSafetensors(pack(foreign))).toEqual({ list: [1, 2], w: weight });
  });

  it('takes 256 levels and no more', () => {
    for (const leaf of [weight, NaN, 1]) {
      expect(canonical(fromSafetensors(toSafetensors(nested(256, leaf))))).toBe(
        canonical(nested(256, leaf)),
      );
    }
    expect(() => toSafetensors(nested(257, 1))).toThrow(/nested deeper than 256/);
    expect(() => toSafetensors(nested(100_000, 1))).toThrow(TypeError);
  });

  const cycle: { list: unknown[] } = { list: [] };
  cycle.list.push(cycle);
  class Weights {
    readonly a = 1;
  }
  const wrong: [string, unknown, RegExp][] = [
    ['undefined', undefined, /the state is of type undefined/],
    ['a member that is undefined', { a: { b: undefined } }, /"a\/b" is of type undefined/],
    ['an element that is undefined', { a: [1, undefined] }, /"a\/1" is of type undefined/],
    ['a function', { a: () => 1 }, /"a" is of type function/],
    ['a symbol', { a: Symbol('x') }, /"a" is of type symbol/],
    ['a bigint', { a: [1n] }, /"a\/0" is of type bigint/],
    ['a Date', { a: new Date() }, /"a" is an instance of a class/],
    ['a Map', { a: new Map() }, /"a" is an instance of a class/],
    ['a boxed number', { a: Object(1) }, /"a" is an instance of a class/],
    ['an instance of a class', { a: new Weights() }, /"a" is an instance of a class/],
    [
      'a typed array',
      { a: Float32Array.of(1) },
      /"a" is an instance of a class; a tensor is \{ dtype, shape, data \}/,
    ],
    ['a promise', { a: Promise.resolve(1) }, /"a" is an instance of a class/],
    ['a cycle', cycle, /"list\/0" is a cycle/],
    // oxlint-disable-next-line no-sparse-arrays
    ['a hole in a list', { a: [1, , 3] }, /"a" is a list with holes/],
    ['a list of nothing but holes', { a: Array(4e9) }, /"a" is a list with holes/],
    [
      'a list with a named member',
      { a: Object.assign([1], { b: 2 }) },
      /"a" is a list with holes or with named members/,
    ],
    [
      'a hole that a named member makes up for',
      { a: Object.assign(Array(1), { b: 2 }) },
      /"a" is a list/,
    ],
    [
      'a record with a symbol for a key',
      { a: { [Symbol('x')]: 1 } },
      /"a" is a record with symbols/,
    ],
    [
      'a tensor with more members',
      { a: { ...weight, name: 'w' } },
      /"a" is a tensor with a member "name"/,
    ],
    [
      'a tensor without a dtype',
      { a: { shape: [2], data: Float32Array.of(1, 2) } },
      /"a" has dtype undefined/,
    ],
    [
      'a tensor over a DataView',
      { a: { ...weight, data: new DataView(new ArrayBuffer(8)) } },
      /"a".*Float32Array/,
    ],
  ];
  it.each(wrong)('refuses %s by its path', (_what, state, message) => {
    expect(() => pack(state)).toThrow(TypeError);
    expect(() => pack(state)).toThrow(message);
  });

  it('refuses a tensor whose data and shape disagree', () => {
    expect(() => toSafetensors({ a: { ...weight, shape: [3] } })).toThrow(RangeError);
  });
});

describe('toSafetensors writes what fromSafetensors reads:', () => {
  const scalar = (value: number): HostTensor => ({
    dtype: 'float32',
    shape: [],
    data: Float32Array.of(value),
  });

  it.each([
    [249_994, 0],
    [250_195, 100],
  ])('%i numbers beside %i tensors, and no more', (most, tensorCount) => {
    const state = (count: number): StateTree => ({
      list: Array.from({ length: count }, (_, n) => n),
      tensors: Array.from({ length: tensorCount }, (_, n) => scalar(n)),
    });
    const written = toSafetensors(state(most));
    expect(fromSafetensors(written)).toEqual(state(most));
    expect(() => toSafetensors(state(most + 1))).toThrow(RangeError);
    expect(() => toSafetensors(state(most + 1))).toThrow('Keep long lists of numbers as tensors');

    const { tensors, metadata } = decodeSafetensors(written);
    const longer = String(metadata['polyak']).replace('"list":[', '"list":[0,');
    expect(() => fromSafetensors(encodeSafetensors(tensors, { polyak: longer }))).toThrow(
      expect.objectContaining({ code: 'ERR_SAFETENSORS' }),
    );
  });
});
