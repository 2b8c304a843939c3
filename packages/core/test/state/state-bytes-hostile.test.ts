import * as fc from 'fast-check';
import { fromSafetensors, PolyakError, toSafetensors } from '@polyak/core';
import type { StateTree } from '@polyak/core';
import type { HostTensor } from '@polyak/core/interfaces';
import { encodeSafetensors } from '@polyak/safetensors';
import { describe, expect, it } from 'vitest';
import { canonical } from '../../../../tests/support/arbitrary-tensor.js';

const weight: HostTensor = { dtype: 'float32', shape: [2], data: Float32Array.of(1, 2) };

/** A file with `metadata.polyak`, whatever it says. */
function file(polyak: unknown, tensors: Readonly<Record<string, HostTensor>> = {}): Uint8Array {
  return encodeSafetensors(tensors, {
    polyak: typeof polyak === 'string' ? polyak : JSON.stringify(polyak),
  });
}

const envelope = (state: unknown): unknown => ({ version: 1, state });

/**
 * Reads a hostile file, which may be refused by the code only; what is read can be written and read
 * again.
 */
function survives(bytes: Uint8Array): boolean {
  let state: StateTree;
  try {
    state = fromSafetensors(bytes);
  } catch (error) {
    if (PolyakError.is(error) && error.code === 'ERR_SAFETENSORS') return false;
    throw error;
  }
  expect(canonical(fromSafetensors(toSafetensors(state)))).toBe(canonical(state));
  return true;
}

describe('fromSafetensors, given any file', () => {
  it('gives a file of another writer as a record of its tensors', () => {
    const tensors = { 'conv1.weight': weight, bias: weight };
    expect(fromSafetensors(encodeSafetensors(tensors, { format: 'pt' }))).toEqual(tensors);
    expect(fromSafetensors(encodeSafetensors({}))).toEqual({});
  });

  const lying: [string, Uint8Array, RegExp][] = [
    ['no JSON', file('{'), /it is not JSON/],
    ['no record', file('1'), /its version is undefined, expected 1/],
    ['null', file('null'), /its version is undefined/],
    ['no version', file({ state: 1 }), /its version is undefined/],
    [
      'a later version',
      file({ version: 2, state: 1 }),
      /its version is 2, expected 1. Was it written by a later Polyak/,
    ],
    ['a version in words', file({ version: '1', state: 1 }), /its version is "1"/],
    ['no state', file({ version: 1 }), /it has no state/],
    ['an unknown member', file({ version: 1, state: 1, extra: 1 }), /unknown member "extra"/],
    ['a key given twice', file('{"version":1,"state":{"a":1,"a":2}}'), /the key "a" appears twice/],
    [
      'a tensor that the file lacks',
      file(envelope({ a: { $tensor: 'a' } })),
      /has the tensor "a", which the file lacks/,
    ],
    [
      'a tensor from the prototype',
      file(envelope({ $tensor: 'constructor' })),
      /the tensor "constructor", which the file lacks/,
    ],
    [
      'a tensor in two places',
      file(envelope([{ $tensor: 'a' }, { $tensor: 'a' }]), { a: weight }),
      /or which is used twice/,
    ],
    ['a tensor left over', file(envelope(1), { a: weight }), /lacks the tensor "a" of the file/],
    ['a tensor without a name', file(envelope({ $tensor: 1 }), { 1: weight }), /has the tensor 1,/],
    ['an unknown number', file(envelope({ $number: '1' })), /has the unknown number "1"/],
    [
      'a number from the prototype',
      file(envelope({ $number: 'toString' })),
      /has the unknown number "toString"/,
    ],
    ['an unknown placeholder', file(envelope({ $date: 1 })), /has the key "\$date"/],
    [
      'a placeholder with a member',
      file(envelope({ $tensor: 'a', b: 1 }), { a: weight }),
      /has the key "\$tensor"/,
    ],
    [
      'deep nesting',
      file(`{"version":1,"state":${'['.repeat(1e5)}${']'.repeat(1e5)}}`),
      /"\[" is not expected 258 levels deep/,
    ],
    ['no file', Uint8Array.of(1, 2, 3), /too few/],
  ];
  it.each(lying)('refuses %s', (_what, bytes, message) => {
    expect(() => fromSafetensors(bytes)).toThrow(
      expect.objectContaining({ name: 'PolyakError', code: 'ERR_SAFETENSORS' }),
    );
    expect(() => fromSafetensors(bytes)).toThrow(message);
  });

  it('names the error of the JSON as the cause', () => {
    expect(() => fromSafetensors(file('{'))).toThrow(
      expect.objectContaining({ cause: expect.any(SyntaxError) as unknown }),
    );
  });

  it('refuses or reads a file with any byte changed', () => {
    const bytes = toSafetensors({
      nAvg: 3,
      lr: [0.5, NaN],
      swaState: { w: weight },
      $: { a: weight },
    });
    let read = 0;
    for (const [at, original] of [...bytes].entries()) {
      for (let byte = 0; byte < 256; byte += 1) {
        bytes[at] = byte;
        if (survives(bytes)) read += 1;
      }
      bytes[at] = original;
    }
    expect(read).toBeGreaterThan(bytes.length);
  });

  it('refuses or reads any metadata', () => {
    const anyNode = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom<unknown>(
        { $tensor: 'a' },
        [{ $tensor: 'a' }, { $number: '-0' }],
        { $$tensor: 'a' },
        { $tensor: null },
      ),
    );
    const anyEnvelope = fc.record(
      { version: fc.constantFrom<unknown>(1, 1, 1, 2, null), state: anyNode },
      { requiredKeys: ['version'] },
    );
    let read = 0;
    fc.assert(
      fc.property(fc.oneof(anyEnvelope, fc.jsonValue()), fc.boolean(), (polyak, hasTensor) => {
        if (survives(file(JSON.stringify(polyak), hasTensor ? { a: weight } : {}))) read += 1;
      }),
      { numRuns: 2000 },
    );
    expect(read).toBeGreaterThan(100);
  });
});
