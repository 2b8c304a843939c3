import { blobSource, bytesSource, encodeSafetensors, openSafetensors } from '@polyak/safetensors';
import { describe, expect, it } from 'vitest';

const bytes = Uint8Array.of(1, 2, 3, 4, 5);

describe.each([
  ['blobSource', blobSource(new Blob([bytes.subarray(0, 2), bytes.subarray(2)]))],
  ['bytesSource', bytesSource(bytes)],
])('%s', (_name, source) => {
  it('reads ranges', async () => {
    expect(source.size).toBe(5);
    expect([...(await source.read(1, 3))]).toEqual([2, 3, 4]);
    expect([...(await source.read(5, 0))]).toEqual([]);
  });

  it.each([
    [3, 3],
    [-1, 2],
    [0, -1],
    [0.5, 1],
    [NaN, 1],
  ])('refuses a range that it does not have: at %d, %d bytes', async (offset, length) => {
    await expect((async () => source.read(offset, length))()).rejects.toThrow(/there are 5 bytes/);
  });
});

it('opens a safetensors file that is a Blob', async () => {
  const weight = { dtype: 'int16', shape: [3], data: Int16Array.of(-1, 2, -3) } as const;
  const file = await openSafetensors(
    blobSource(new Blob([new Uint8Array(encodeSafetensors({ weight }))])),
  );
  expect(await file.read('weight')).toEqual(weight);
});

it.each<[string, () => unknown, string]>([
  [
    'an ArrayBuffer for bytes',
    () => bytesSource(bytes.buffer as never),
    'bytesSource: expected a Uint8Array. Wrap an ArrayBuffer',
  ],
  ['a path for bytes', () => bytesSource('a.safetensors' as never), 'expected a Uint8Array'],
  ['bytes for a Blob', () => blobSource(bytes as never), 'blobSource: expected a Blob'],
  ['no Blob', () => blobSource(undefined as never), 'blobSource: expected a Blob'],
  ['bytes for a source', async () => openSafetensors(bytes as never), 'bytesSource(bytes)'],
  ['a path for a source', async () => openSafetensors('a' as never), 'or openFile(path) of'],
])('refuses %s', async (_, call, message) => {
  const error: unknown = await (async () => call())().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(TypeError);
  expect(String(error)).toContain(message);
});
