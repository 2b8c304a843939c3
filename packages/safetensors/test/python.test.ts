// The format against its reference implementation. POLYAK_PYTHON names a Python with numpy and
// safetensors; POLYAK_REQUIRE_PYTHON=1 makes its absence a failure.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { toSafetensors } from '@polyak/core';
import {
  PolyakError,
  arrayOf,
  bytesSource,
  decodeSafetensors,
  encodeSafetensors,
  layoutOf,
  openSafetensors,
} from '@polyak/safetensors';
import type { DType, HostTensor, StoredSpec } from '@polyak/safetensors';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { anyBrokenFile } from './broken-file.js';

const script = fileURLToPath(new URL('python/check_safetensors.py', import.meta.url));
const python = process.env['POLYAK_PYTHON'];
const missing = whyMissing();

function whyMissing(): string | undefined {
  if (python === undefined || python === '')
    return 'POLYAK_PYTHON names no Python with numpy and safetensors';
  const { error, status, stderr } = spawnSync(python, ['-c', 'import numpy, safetensors'], {
    encoding: 'utf8',
  });
  if (status === 0) return undefined;
  return `POLYAK_PYTHON=${python}: ${error?.message ?? stderr.trim().split('\n').at(-1)}`;
}

function runPython(...args: readonly string[]): string {
  const options = { encoding: 'utf8', maxBuffer: 2 ** 28 } as const;
  const { error, status, stdout, stderr } = spawnSync(python ?? '', [script, ...args], options);
  if (status !== 0) throw new Error(`check_safetensors.py ${args[0]}: ${error?.message ?? stderr}`);
  return stdout;
}

const floats = (tiny: number, huge: number): number[] => [
  0,
  -0,
  1.5,
  -2.25,
  Infinity,
  -Infinity,
  NaN,
  tiny,
  huge,
];
const float16Bits = [0, 0x8000, 0x3e00, 0xc080, 0x7c00, 0xfc00, 0x7e00, 0x0001, 0x7bff];
const bfloat16Bits = [0, 0x8000, 0x3fc0, 0xc010, 0x7f80, 0xff80, 0x7fc0, 0x0001, 0x7f7f];
const uint8 = (value: number): HostTensor => ({
  dtype: 'uint8',
  shape: [1],
  data: Uint8Array.of(value),
});

/** The table of check_safetensors.py. */
const EXPECTED: Readonly<Record<string, HostTensor>> = Object.fromEntries<HostTensor>([
  [
    'float64',
    { dtype: 'float64', shape: [9], data: Float64Array.from(floats(5e-324, Number.MAX_VALUE)) },
  ],
  [
    'float32',
    {
      dtype: 'float32',
      shape: [9],
      data: Float32Array.from(floats(2 ** -149, 3.4028234663852886e38)),
    },
  ],
  ['float16', { dtype: 'float16', shape: [9], data: Uint16Array.from(float16Bits) }],
  ['bfloat16', { dtype: 'bfloat16', shape: [9], data: Uint16Array.from(bfloat16Bits) }],
  [
    'int64',
    { dtype: 'int64', shape: [3], data: BigInt64Array.of(-(2n ** 63n), -1n, 2n ** 63n - 1n) },
  ],
  ['int32', { dtype: 'int32', shape: [3], data: Int32Array.of(-(2 ** 31), -1, 2 ** 31 - 1) }],
  ['int16', { dtype: 'int16', shape: [3], data: Int16Array.of(-(2 ** 15), -1, 2 ** 15 - 1) }],
  ['int8', { dtype: 'int8', shape: [3], data: Int8Array.of(-(2 ** 7), -1, 2 ** 7 - 1) }],
  ['uint64', { dtype: 'uint64', shape: [3], data: BigUint64Array.of(0n, 1n, 2n ** 64n - 1n) }],
  ['uint32', { dtype: 'uint32', shape: [3], data: Uint32Array.of(0, 1, 2 ** 32 - 1) }],
  ['uint16', { dtype: 'uint16', shape: [3], data: Uint16Array.of(0, 1, 2 ** 16 - 1) }],
  ['uint8', { dtype: 'uint8', shape: [3], data: Uint8Array.of(0, 1, 2 ** 8 - 1) }],
  ['bool', { dtype: 'bool', shape: [3], data: Uint8Array.of(1, 0, 1) }],
  ['scalar', { dtype: 'float64', shape: [], data: Float64Array.of(Math.PI) }],
  ['matrix', { dtype: 'float32', shape: [2, 3], data: Float32Array.of(0, 1, 2, 3, 4, 5) }],
  ['empty', { dtype: 'int32', shape: [2, 0, 3], data: new Int32Array() }],
  ['10', uint8(1)],
  ['9', uint8(2)],
  ['__proto__', uint8(3)],
  ['\ue000 "\\/\n', uint8(4)],
  ['\u{1f600}', uint8(5)],
]);
const METADATA = { format: 'np \u2028 "\\/\n' };

/** What the reference reads in a file: dtype, shape and base64 by name. */
type Verdict = Readonly<Record<string, readonly [string, readonly number[], string]>>;

const CODES: Readonly<Partial<Record<DType, string>>> = { bool: 'BOOL', bfloat16: 'BF16' };
const codeOf = (dtype: DType): string =>
  CODES[dtype] ?? `${dtype.charAt(0).toUpperCase()}${arrayOf(dtype).BYTES_PER_ELEMENT * 8}`;

function verdictOf(tensors: Readonly<Record<string, HostTensor>>): Verdict {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, { dtype, shape, data }]) => {
      const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
      return [name, [codeOf(dtype), shape, bytes.toString('base64')]];
    }),
  );
}

/** Rules that the reference implementation does not have. */
const STRICTER = new RegExp(
  [
    'twice|well-formed|holds the bool|expected a record of dtype|__metadata__ is null',
    String.raw`below 2\^53|expected one of|does not begin|levels deep`,
  ].join('|'),
);

function verdictHere(bytes: Uint8Array): Verdict | string {
  try {
    return verdictOf(decodeSafetensors(bytes).tensors);
  } catch (error) {
    if (PolyakError.is(error)) return error.message;
    throw error;
  }
}

function equals(found: Verdict, expected: Verdict | null): boolean {
  const names = Object.keys(found);
  return (
    expected !== null &&
    names.length === Object.keys(expected).length &&
    names.every((name) => JSON.stringify(found[name]) === JSON.stringify(expected[name]))
  );
}

const isRequired = process.env['POLYAK_REQUIRE_PYTHON'] === '1';
// No reporter shows the title of a test in a file that is skipped whole.
if (missing !== undefined) console.warn(`Skipped: safetensors against Python: ${missing}`);

it.runIf(isRequired || missing === undefined)('has a Python to compare with', () => {
  expect(missing).toBeUndefined();
});

describe.skipIf(missing !== undefined)('safetensors against Python', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'polyak-safetensors-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('writes all dtypes as Python reads them', () => {
    const path = join(folder, 'typescript.safetensors');
    writeFileSync(path, encodeSafetensors(EXPECTED, METADATA));
    const versions = runPython('read', path);
    console.log(versions);
    expect(versions).toContain('agrees');
  });

  it('reads all dtypes as Python writes them, and writes the same bytes', () => {
    const path = join(folder, 'python.safetensors');
    runPython('write', path);
    const bytes = readFileSync(path);
    const { tensors, metadata } = decodeSafetensors(bytes);
    expect(verdictOf(tensors)).toEqual(verdictOf(EXPECTED));
    expect(metadata).toEqual(METADATA);
    expect(Buffer.from(encodeSafetensors(EXPECTED, METADATA)).equals(bytes)).toBe(true);
  });

  it('lists all dtypes that Python writes, and lays them out as Python does', async () => {
    const path = join(folder, 'odd.safetensors');
    runPython('odd', path);
    const bytes = readFileSync(path);
    const { tensors } = await openSafetensors(bytesSource(bytes));
    const dtypeOf = (name: string): string | undefined => tensors.get(name)?.dtype;
    expect(dtypeOf('float8_e4m3fn')).toBe('float8_e4m3fn');
    expect(dtypeOf('float8_e5m2')).toBe('float8_e5m2');
    expect(dtypeOf('float4_e2m1fn_x2')).toBe('F4');
    expect(dtypeOf('complex64')).toBe('C64');
    const specs = [...tensors].map(([name, { dtype, shape, begin, end }]): [string, StoredSpec] => [
      name,
      { dtype, shape, byteLength: end - begin },
    ]);
    const layout = layoutOf(new Map(specs.toReversed()));
    expect(layout.tensors).toEqual([...tensors.values()]);
    expect(Buffer.from(layout.header)).toEqual(bytes.subarray(0, layout.header.byteLength));
  });

  it('reads the float8 of a file that Python writes by their bytes', async () => {
    const path = join(folder, 'odd.safetensors');
    runPython('odd', path);
    const bytes = readFileSync(path);
    const { tensors } = await openSafetensors(bytesSource(bytes));
    const listed = JSON.parse(runPython('list', path)) as Record<
      string,
      [string, number[], string]
    >;
    expect(tensors.size).toBe(Object.keys(listed).length);
    for (const [name, { begin, end, shape }] of tensors) {
      const text = Buffer.from(bytes.subarray(begin, end)).toString('latin1');
      expect([shape, text]).toEqual(listed[name]?.slice(1));
    }
  });

  it('writes states that Python can read', () => {
    const path = join(folder, 'state.safetensors');
    const state = {
      paramGroups: [{ nAvg: 3, lr: 0.1, loss: NaN }],
      swaState: {
        'conv1.weight': { dtype: 'float32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
        'conv2d/kernel': { dtype: 'float64', shape: [1], data: Float64Array.of(0.5) },
      },
    } as const;
    writeFileSync(path, toSafetensors(state));
    expect(runPython('state', path)).toContain('agrees');
  });

  it('agrees with Python on broken files, but for its own stricter rules', () => {
    const files = fc.sample(anyBrokenFile, { numRuns: 20_000, seed: 1 });
    const path = join(folder, 'broken.json');
    writeFileSync(
      path,
      JSON.stringify(files.map((bytes) => Buffer.from(bytes).toString('base64'))),
    );
    const verdicts = JSON.parse(runPython('judge', path)) as readonly (Verdict | null)[];
    const counts = { read: 0, refused: 0, stricter: 0 };
    const disagreements: unknown[] = [];
    for (const [index, bytes] of files.entries()) {
      const expected = verdicts[index] ?? null;
      const found = verdictHere(bytes);
      if (typeof found !== 'string') counts.read += 1;
      else counts[expected === null ? 'refused' : 'stricter'] += 1;
      const isStricter = typeof found === 'string' && STRICTER.test(found);
      const agrees =
        typeof found === 'string' ? expected === null || isStricter : equals(found, expected);
      if (!agrees)
        disagreements.push({ file: Buffer.from(bytes).toString('latin1'), found, expected });
    }
    expect(disagreements).toEqual([]);
    console.log(`${files.length} broken files`, counts);
    expect(Math.min(counts.read, counts.refused, counts.stricter)).toBeGreaterThan(10);
  });
});
