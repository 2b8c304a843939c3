import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NpyBatch } from '#reading/npy';
import { npyBatches } from '#reading/npy';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'polyak-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Writes a file as NumPy does, with `text` for its header. */
function write(text: string, data: NodeJS.ArrayBufferView, version = 1): string {
  const prefix = Buffer.from([0x93, ...Buffer.from('NUMPY'), version, 0, 0, 0, 0, 0]);
  const begin = version === 1 ? 10 : 12;
  if (version === 1) prefix.writeUInt16LE(text.length, 8);
  else prefix.writeUInt32LE(text.length, 8);
  const path = join(folder, 'x.npy');
  const elements = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  writeFileSync(path, Buffer.concat([prefix.subarray(0, begin), Buffer.from(text), elements]));
  return path;
}

const header = (descr: string, shape: string, order = 'False'): string =>
  `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${shape}), }   \n`;

async function batchesOf(path: string, batchSize: number): Promise<readonly NpyBatch[]> {
  const batches: NpyBatch[] = [];
  for await (const batch of npyBatches(path, batchSize)) batches.push(batch);
  return batches;
}

describe('npyBatches', () => {
  it.each([1, 2])('cuts an array of version %d along its first extent', async (version) => {
    const data = Float32Array.of(1, 2, 3, 4, 5, 6);
    const path = write(header('<f4', '3, 2'), data, version);
    expect(await batchesOf(path, 2)).toEqual([
      { dtype: 'float32', data: data.slice(0, 4), shape: [2, 2] },
      { dtype: 'float32', data: data.slice(4), shape: [1, 2] },
    ]);
  });

  it('reads other element types, and arrays of one dimension', async () => {
    const path = write(header('<i8', '2,'), BigInt64Array.of(-1n, 2n ** 40n));
    expect(await batchesOf(path, 9)).toEqual([
      { dtype: 'int64', data: BigInt64Array.of(-1n, 2n ** 40n), shape: [2] },
    ]);
  });

  it.each([
    ['no header', 'x', 'a header that is not of an array'],
    ['objects', header('|O', '2,'), 'holds |O'],
    ['column-major arrays', header('<f4', '2,', 'True'), 'numpy.ascontiguousarray'],
    ['scalars', header('<f4', ''), 'at least one dimension'],
    ['too few elements', header('<f4', '3,'), 'expected'],
    ['impossible extents', header('<f4', '99999999999, 99999999999'), 'the shape'],
    ['fields', "{'descr': [('a', '<f4')], 'shape': (2,), }", 'not of an array'],
  ])('refuses %s', async (_what, text, message) => {
    const path = write(text, Float32Array.of(1, 2));
    await expect(batchesOf(path, 1)).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
    await expect(batchesOf(path, 1)).rejects.toThrow(message);
  });

  it('refuses an array without rows', async () => {
    const path = write(header('<f4', '0, 2'), new Float32Array());
    await expect(batchesOf(path, 1)).rejects.toThrow('holds no inputs');
  });

  it('refuses other files, and files that end early', async () => {
    const path = join(folder, 'other.npy');
    writeFileSync(path, 'PK\u0003\u0004 a zip archive');
    await expect(batchesOf(path, 1)).rejects.toThrow('is not in the format .npy');
    writeFileSync(path, '\u0093NUM', 'latin1');
    await expect(batchesOf(path, 1)).rejects.toThrow('ends early');
  });
});
