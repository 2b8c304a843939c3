import * as fc from 'fast-check';
import { decodeSafetensors, encodeSafetensors, encodeSafetensorsChunks } from '@polyak/safetensors';
import type { HostTensor } from '@polyak/safetensors';
import { describe, expect, it } from 'vitest';
import { anyName, anyTensor } from '../../../tests/support/arbitrary-tensor.js';

const KIB = 2 ** 10;
const GIB = 2 ** 30;

function joined(chunks: Iterable<Uint8Array>): Buffer {
  return Buffer.concat([...chunks]);
}

function floats(length: number, first = 0): HostTensor {
  const data = Float32Array.from({ length }, (_, n) => first + n);
  return { dtype: 'float32', shape: [length], data };
}

/** Memory that is never touched, and so takes no room. */
function untouched(length: number): HostTensor {
  return { dtype: 'uint8', shape: [length], data: new Uint8Array(length) };
}

describe('encodeSafetensorsChunks', () => {
  it('makes up the bytes of encodeSafetensors', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(anyName, anyTensor)), fc.string(), (pairs, text) => {
        const tensors = Object.fromEntries(pairs);
        const metadata = { text };
        const whole = encodeSafetensors(tensors, metadata);
        expect(joined(encodeSafetensorsChunks(tensors, metadata)).equals(whole)).toBe(true);
      }),
    );
  });

  it('makes up the same bytes of large and small tensors in turn, each time', () => {
    const lengths = [3, 16 * KIB, 1, 0, 40 * KIB, 16 * KIB - 1, 16 * KIB + 1, 7];
    const tensors = Object.fromEntries(
      lengths.map((length, n) => [`layer${n}`, floats(length, 100 * n)]),
    );
    const chunks = encodeSafetensorsChunks(tensors);
    const whole = encodeSafetensors(tensors);
    for (let time = 0; time < 2; time += 1) {
      expect(joined(chunks).equals(whole)).toBe(true);
    }
  });

  it('has views of large tensors, and few chunks of many small ones', () => {
    const large = floats(16 * KIB);
    const small = Array.from({ length: 5000 }, (_, n) => [`small${n}`, floats(100, n)] as const);
    const chunks = [...encodeSafetensorsChunks({ large, ...Object.fromEntries(small) })];
    expect(chunks.filter(({ buffer }) => buffer === large.data.buffer)).toEqual([
      new Uint8Array(large.data.buffer),
    ]);
    // The header, the large tensor, and 2 MB of small ones.
    expect(chunks).toHaveLength(4);
    expect(chunks.every(({ length }) => length <= 2 ** 20)).toBe(true);
  });

  it('writes one tensor of 3 GiB or several of 5, in chunks that Node can write', () => {
    const length = 3 * GIB + 5;
    const [header, ...chunks] = encodeSafetensorsChunks({ a: untouched(length) });
    expect(Buffer.from(header ?? []).toString('latin1')).toContain(`"data_offsets":[0,${length}]`);
    expect(chunks.map((chunk) => chunk.length)).toEqual([GIB, GIB, GIB, 5]);

    const shared = untouched(GIB);
    const several = Object.fromEntries(['a', 'b', 'c', 'd', 'e'].map((name) => [name, shared]));
    const [start, ...views] = encodeSafetensorsChunks(several);
    expect(Buffer.from(start ?? []).toString('latin1')).toContain(
      `"e":{"dtype":"U8","shape":[${GIB}],"data_offsets":[${4 * GIB},${5 * GIB}]}`,
    );
    expect(views.every(({ buffer }) => buffer === shared.data.buffer)).toBe(true);
  });

  it('writes a tensor without elements whose memory was transferred', () => {
    const data = new Float32Array(0);
    structuredClone(data.buffer, { transfer: [data.buffer] });
    const written = encodeSafetensors({ a: { dtype: 'float32', shape: [0], data } });
    expect(decodeSafetensors(written).tensors['a']?.shape).toEqual([0]);
  });

  it('throws before the first chunk', () => {
    const wrong = { ...floats(2), shape: [3] };
    expect(() => encodeSafetensorsChunks({ wrong })).toThrow('holds 2 elements, expected 3');
  });

  it.each([8, 2 ** 20])('throws for %i elements that are transferred meanwhile', (length) => {
    const [a, b] = [floats(2 ** 20), floats(length)];
    const taken: Uint8Array[] = [];
    expect(() => {
      for (const chunk of encodeSafetensorsChunks({ a, b })) {
        taken.push(chunk);
        // Named in order, `a` comes first.
        const { buffer } = b.data as Float32Array<ArrayBuffer>;
        if (chunk.buffer === a.data.buffer) structuredClone(buffer, { transfer: [buffer] });
      }
    }).toThrow(`of a tensor has 0 bytes, expected ${4 * length}, as before`);
    expect(taken.at(-1)?.byteLength).toBe(4 * 2 ** 20);
  });
});

describe('decodeSafetensors with copy: false', () => {
  const tensors = { wide: floats(3), narrow: { ...untouched(3), data: Uint8Array.of(1, 2, 3) } };
  const file = encodeSafetensors(tensors);

  it('returns views of the bytes', () => {
    const bytes = Uint8Array.from(file);
    const decoded = decodeSafetensors(bytes, { copy: false });
    expect(decoded).toEqual(decodeSafetensors(bytes));
    for (const { data } of Object.values(decoded.tensors)) expect(data.buffer).toBe(bytes.buffer);
  });

  it('copies tensors whose offset is not a multiple of their element size', () => {
    const larger = new Uint8Array(file.length + 2);
    larger.set(file, 2);
    const decoded = decodeSafetensors(larger.subarray(2), { copy: false });
    expect(decoded.tensors).toEqual(tensors);
    expect(decoded.tensors['wide']?.data.buffer).not.toBe(larger.buffer);
    expect(decoded.tensors['narrow']?.data.buffer).toBe(larger.buffer);
  });
});
