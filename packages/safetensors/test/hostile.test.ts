import * as fc from 'fast-check';
import { PolyakError, decodeSafetensors, encodeSafetensors } from '@polyak/safetensors';
import { describe, expect, it } from 'vitest';
import { canonical, tensorOfBytes } from '../../../tests/support/arbitrary-tensor.js';
import { fuzz } from '../../../tests/fuzz/fuzz-run.js';
import { anyBrokenFile, fileOf, sample } from './broken-file.js';
import { entries, info, layouts, preambles, U8 } from './hostile-files.js';

/**
 * What a decoder may do with hostile bytes: refuse them by the code, or give tensors no larger than
 * the file.
 */
function survives(bytes: Uint8Array): boolean {
  let decoded;
  try {
    decoded = decodeSafetensors(bytes);
  } catch (error) {
    if (PolyakError.is(error) && error.code === 'ERR_SAFETENSORS' && error.message.length < 500)
      return false;
    throw error;
  }
  const { tensors, metadata } = decoded;
  const size = Object.values(tensors).reduce((sum, { data }) => sum + data.byteLength, 0);
  if (size > bytes.length) throw new Error(`${size} bytes of tensors out of ${bytes.length}`);
  const again = decodeSafetensors(encodeSafetensors(tensors, metadata));
  expect(new Set(Object.keys(again.tensors))).toEqual(new Set(Object.keys(tensors)));
  for (const name of Object.keys(tensors)) {
    expect(canonical(again.tensors[name] ?? null)).toBe(canonical(tensors[name] ?? null));
  }
  return true;
}

describe('decodeSafetensors, given a hostile file', () => {
  it.each([...preambles, ...entries, ...layouts])('refuses %s', (_what, bytes, message) => {
    expect(() => decodeSafetensors(bytes)).toThrow(
      expect.objectContaining({ name: 'PolyakError', code: 'ERR_SAFETENSORS' }),
    );
    expect(() => decodeSafetensors(bytes)).toThrow(message);
    expect(survives(bytes)).toBe(false);
  });

  it('keeps messages short, however long the names and values', () => {
    const name = 'n'.repeat(1e6);
    expect(survives(fileOf(JSON.stringify({ [name]: name })))).toBe(false);
    expect(survives(fileOf(JSON.stringify({ [name]: Array(1e5).fill(1) })))).toBe(false);
    expect(survives(fileOf(`{"${name}":${info(U8, `[${'1,'.repeat(1e5)}2]`, '[0,0]')}}`))).toBe(
      false,
    );
    expect(survives(fileOf(`{"${name}":${info(U8, '[1]', '[1,2]')},"${name}":1}`))).toBe(false);
  });

  it('does not parse lists and records where a header has none', () => {
    const lists = fileOf(`{"w":[${'[],'.repeat(1e6)}[]]}`);
    const records = fileOf(`{"w":{"shape":[${'{},'.repeat(1e6)}{}]}}`);
    const before = process.memoryUsage().heapUsed;
    expect(survives(lists)).toBe(false);
    expect(survives(records)).toBe(false);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(16 * 2 ** 20);
  });

  it('allocates nothing for the tensors of a file that it refuses', () => {
    const size = 64 * 2 ** 20;
    const members = [
      `"a":${info(U8, `[${size}]`, `[0,${size}]`)}`,
      `"w":${info('"BOOL"', '[1]', `[${size},${size + 1}]`)}`,
    ];
    const header = fileOf(`{${members.join()}}`);
    const bytes = new Uint8Array(header.length + size + 1);
    bytes.set(header);
    bytes[bytes.length - 1] = 2;
    const before = process.memoryUsage().arrayBuffers;
    expect(() => decodeSafetensors(bytes)).toThrow(/"w" holds the bool 2/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20);
  });

  it('refuses every truncation and every continuation of a file', () => {
    for (let length = 0; length < sample.length; length += 1) {
      expect(survives(sample.subarray(0, length))).toBe(false);
    }
    expect(survives(Uint8Array.from([...sample, 0]))).toBe(false);
    expect(survives(sample)).toBe(true);
  });

  it('refuses or reads a file with any one byte changed to any other', () => {
    const tensors = {
      a: tensorOfBytes('float32', [2], [0, 0, 128, 63, 0, 0, 0, 64]),
      b: tensorOfBytes('bool', [2, 1], [0, 1]),
      c: tensorOfBytes('uint64', [0], []),
    };
    const bytes = encodeSafetensors(tensors, { d: 'e' });
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

  it('refuses or reads any broken file', async () => {
    let read = 0;
    await fuzz(
      'broken files of safetensors',
      fc.property(anyBrokenFile, (bytes) => {
        if (survives(bytes)) read += 1;
      }),
      4000,
    );
    expect(read).toBeGreaterThan(100);
  });
});
