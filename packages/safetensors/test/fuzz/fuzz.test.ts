// Headers and indexes that were right before they were edited, and those that take most memory.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as fc from 'fast-check';
import {
  bytesSource,
  encodeSafetensors,
  formatShardIndex,
  layoutOf,
  openSafetensors,
  parseShardIndex,
  PolyakError,
} from '@polyak/safetensors';
import type { StoredSpec } from '@polyak/safetensors';
import { describe, expect, it } from 'vitest';
import { tensorOfBytes } from '../../../../tests/support/arbitrary-tensor.js';
import { fuzz, FUZZ_TIMEOUT } from '../../../../tests/fuzz/fuzz-run.js';
import { fileOf, sample } from '../broken-file.js';
import { info } from '../hostile-files.js';
import { anyEdited } from '../../../../tests/fuzz/any-edit.js';

/** The header of a file, as text. */
function headerOf(bytes: Uint8Array): string {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  return new TextDecoder().decode(bytes.subarray(8, 8 + length));
}

const small = encodeSafetensors(
  {
    w: tensorOfBytes('float32', [2, 1], [1, 2, 3, 4, 5, 6, 7, 8]),
    b: tensorOfBytes('bool', [2], [1, 0]),
  },
  { format: 'pt', by: 'ü"' },
);
const odd = `{"a":${info('"F8_E4M3"', '[2]', '[0,2]')},"b":${info('"F4"', '[4]', '[2,4]')}}`;
const headers = [
  headerOf(small),
  headerOf(sample),
  odd,
  JSON.stringify(JSON.parse(headerOf(small)), null, 1),
];

/** What is thrown, which must be the error of a malformed file, in a few words. */
async function refusalOf(attempt: () => unknown): Promise<string | undefined> {
  try {
    await attempt();
    return undefined;
  } catch (error) {
    if (PolyakError.is(error) && error.code === 'ERR_SAFETENSORS' && error.message.length < 700)
      return error.message;
    throw error;
  }
}

/** Opens a file; what is read must fill it, and make the same file again. */
async function open(bytes: Uint8Array): Promise<void> {
  const { metadata, tensors, read } = await openSafetensors(bytesSource(bytes));
  const places = [...tensors.values()];
  let filled = places[0]?.begin ?? bytes.byteLength;
  for (const { name, begin, end, dtype } of places) {
    expect(begin).toBe(filled);
    filled = end;
    if (/^[a-z]/.test(dtype) && !dtype.startsWith('float8')) await refusalOf(() => read(name));
  }
  expect(filled).toBe(bytes.byteLength);
  const specs = places.map(({ name, dtype, shape, begin, end }): [string, StoredSpec] => [
    name,
    { dtype, shape, byteLength: end - begin },
  ]);
  const layout = layoutOf(new Map(specs), metadata);
  const again = new Uint8Array(layout.tensors.at(-1)?.end ?? layout.header.byteLength);
  again.set(layout.header);
  const reopened = await openSafetensors(bytesSource(again));
  expect([...reopened.tensors.values()]).toEqual(layout.tensors);
  expect(reopened.metadata).toEqual(metadata);
}

describe('a fuzzer', () => {
  it(
    'finds no header that is neither read nor refused',
    async () => {
      let count = 0;
      const anyData = fc.constantFrom(0, 1, 4, 10, 100, 200).map((size) => new Uint8Array(size));
      const fitting = fc.constant(undefined);
      await fuzz(
        'headers of safetensors',
        fc.asyncProperty(
          anyEdited(headers),
          fc.oneof({ weight: 3, arbitrary: fitting }, anyData),
          async (header, data) => {
            // As much data as the header speaks of, so that not all files are cut short.
            const last = Math.max(
              0,
              ...[...header.matchAll(/,(\d{1,3})\]\}/g)].map(([, end]) => Number(end)),
            );
            const bytes = fileOf(header, data ?? new Uint8Array(last));
            if ((await refusalOf(() => open(bytes))) === undefined) count += 1;
          },
        ),
        8000,
      );
      expect(count).toBeGreaterThan(100);
    },
    FUZZ_TIMEOUT,
  );

  it(
    'finds no index that leads out of its folder',
    async () => {
      const weights = new Map([
        ['a', '1.safetensors'],
        ['model.layers.0.weight', '2.safetensors'],
        ['\u{1f600}"', '1.safetensors'],
      ]);
      const index = new TextDecoder().decode(formatShardIndex(weights, 10));
      let count = 0;
      await fuzz(
        'indexes of shards',
        fc.asyncProperty(anyEdited([index, JSON.stringify(JSON.parse(index))]), async (text) => {
          const attempt = (): void => {
            const found = parseShardIndex(new TextEncoder().encode(text));
            for (const file of found.values()) expect(file).toMatch(/^[^/\\:\0]+$/);
            for (const file of found.values()) expect(['.', '..']).not.toContain(file);
            expect(new Map(parseShardIndex(formatShardIndex(found, 1)))).toEqual(found);
          };
          if ((await refusalOf(attempt)) === undefined) count += 1;
        }),
        8000,
      );
      expect(count).toBeGreaterThan(100);
    },
    FUZZ_TIMEOUT,
  );
});

describe('the memory of a file', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const used = (): number => {
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const many = (count: number, member: (name: string) => string): string =>
    Array.from({ length: count }, (_, n) => member(n.toString(36))).join();
  const ones = `[${'1,'.repeat(63)}1]`;

  it.each<[string, () => Uint8Array]>([
    [
      'tiny tensors',
      () => fileOf(`{${many(1e5, (n) => `"${n}":${info('"U8"', '[]', '[0,0]')}`)}}`),
    ],
    [
      'empty tensors',
      () => fileOf(`{${many(1e5, (n) => `"${n}":${info('"U8"', '[0]', '[0,0]')}`)}}`),
    ],
    [
      'tensors of many axes',
      () => fileOf(`{${many(2e4, (n) => `"${n}":${info('"F4"', ones, '[0,0]')}`)}}`),
    ],
    [
      'names with escapes',
      () => fileOf(`{${many(5e4, (n) => `"\\u0000${n}":${info('"F4"', '[]', '[0,0]')}`)}}`),
    ],
    ['metadata', () => fileOf(`{"__metadata__":{${many(65_536, (n) => `"${n}":""`)}}}`)],
    ['lists', () => fileOf(`{"w":{"shape":[${'[],'.repeat(1e6)}[]]}}`)],
    ['numbers', () => fileOf(`{"w":{"shape":[${'1,'.repeat(1e6)}1]}}`)],
    ['an open name', () => fileOf(`{"${'w'.repeat(4e6)}`)],
    ['an extent without an end', () => fileOf(`{"w":{"dtype":"U8","shape":[${'1'.repeat(4e6)}`)],
    ['spaces', () => fileOf(`{"w"${' '.repeat(4e6)}`)],
  ])('is at most 16 times its length: %s', async (_what, make) => {
    const bytes = make();
    const before = used();
    const opened = await openSafetensors(bytesSource(bytes)).catch((error: unknown) => error);
    expect(used() - before).toBeLessThan(16 * bytes.byteLength);
    expect(opened).toBeDefined();
  });

  it.each([
    ['many tensors', `{"weight_map":{${many(3e5, (n) => `"${n}":"a"`)}}}`],
    ['many files', `{"weight_map":{${many(3e5, (n) => `"${n}":"${n}"`)}}}`],
    ['lists elsewhere', `{"x":[${'[],'.repeat(1e6)}[]]}`],
  ])('is at most 16 times the length of an index: %s', (_what, text) => {
    const bytes = new TextEncoder().encode(text);
    const before = used();
    let held: unknown;
    try {
      held = parseShardIndex(bytes);
    } catch (error) {
      held = error;
    }
    expect(used() - before).toBeLessThan(16 * bytes.byteLength);
    expect(held).toBeDefined();
  });
});
