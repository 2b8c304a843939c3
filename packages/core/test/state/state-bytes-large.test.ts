// Files of 90 MB whose JSON would take gigabytes: refused before it is built. Each is read in a
// process of its own, so that its memory can be measured.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundled } from '../../../../tests/support/bundled.js';

const SIZE = 90e6;
/** Far more than it takes (0.3 s), far less than to build what the files say (a minute). */
const SECONDS = 5;
/** The header and its metadata as text, and some room. What the files say takes 1 GB or more. */
const MEMORY = 2.8 * SIZE;

function repeated(text: string): string {
  return text.repeat((SIZE - 100) / text.length);
}

/** Members of a record, the first 100,000 of them with keys of their own. */
function members(value: string): string {
  return repeated(
    Array.from({ length: 100_000 }, (_, n) => `"${String(n).padStart(5, '0')}":${value},`).join(''),
  ).slice(0, -1);
}

const withLength = (header: string): Uint8Array => {
  const bytes = new Uint8Array(8 + Buffer.byteLength(header));
  new DataView(bytes.buffer).setBigUint64(0, BigInt(bytes.length - 8), true);
  new TextEncoder().encodeInto(header, bytes.subarray(8));
  return bytes;
};
const stateOf = (json: string): Uint8Array =>
  withLength(`{"__metadata__":{"polyak":${JSON.stringify(`{"version":1,"state":${json}}`)}}}`);

const key = 'k'.repeat(SIZE / 4);
const hostile: readonly (readonly [string, () => Uint8Array, string])[] = [
  ['lists', () => stateOf(`[${repeated('[],')}[]]`), 'more than 250000 values'],
  ['records', () => stateOf(`[${repeated('{},')}{}]`), 'more than 250000 values'],
  ['numbers', () => stateOf(`[${repeated('1,')}1]`), 'more than 250000 values'],
  [
    'nested lists',
    () => stateOf(`[${repeated(`${'['.repeat(99)}${']'.repeat(99)},`)}1]`),
    'more than 250000 values',
  ],
  ['lists without an end', () => stateOf(repeated('[')), 'more than 250000 values'],
  ['a long key given twice', () => stateOf(`{"${key}":1,"${key}":1}`), 'appears twice'],
  ['records for tensors', () => withLength(`{${members('{}')}}`), 'has dtype undefined'],
  ['numbers for tensors', () => withLength(`{${members('1')}}`), 'is 1, expected a record'],
  ['fields of a tensor', () => withLength(`{"w":{${members('1')}}}`), 'expected a record of dtype'],
  [
    'extents of a tensor',
    () => withLength(`{"w":{"shape":[${repeated('1,')}1]}}`),
    'expected a record of dtype',
  ],
  [
    'strings beside the tensors',
    () => withLength(`{"__metadata__":{${members('""')}}}`),
    'too many strings',
  ],
];

const READER = `
import { openSync, readSync, statSync } from 'node:fs';
import { fromSafetensors } from './core.mjs';
const [, , file] = process.argv;
const bytes = new Uint8Array(statSync(file).size);
readSync(openSync(file), bytes);
const [rss, start] = [process.memoryUsage.rss(), performance.now()];
let message = 'read';
try { fromSafetensors(bytes); } catch (error) { message = error.message; }
const seconds = (performance.now() - start) / 1000;
const memory = process.resourceUsage().maxRSS * 1024 - rss;
console.log(JSON.stringify({ message, seconds, memory }));
`;

describe('fromSafetensors, given a large file of', () => {
  const folder = mkdtempSync(join(tmpdir(), 'polyak-large-'));
  const [reader, file] = [join(folder, 'reader.mjs'), join(folder, 'hostile.safetensors')];

  beforeAll(async () => {
    writeFileSync(join(folder, 'core.mjs'), await bundled('fromSafetensors', '@polyak/core'));
    writeFileSync(reader, READER);
  });

  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(hostile)('%s, refuses them at once', (_what, bytesOf, expected) => {
    writeFileSync(file, bytesOf());
    const found = JSON.parse(
      execFileSync(process.execPath, [reader, file], { encoding: 'utf8' }),
    ) as {
      readonly message: string;
      readonly seconds: number;
      readonly memory: number;
    };
    expect(found.message).toContain(expected);
    expect(found.message.length).toBeLessThan(500);
    expect(found.seconds).toBeLessThan(SECONDS);
    expect(found.memory).toBeLessThan(MEMORY);
  });
});
