// The record of what made a file, read from its metadata, which anyone may have written.
import { PolyakError } from '@polyak/core';
import { hasMoreValues, parseJson } from '@polyak/safetensors/json';
import type { NameRules } from '../names/rules.js';
import type { MergeRecord, RecordedInput } from './record.js';
import { RECORD_KEY } from './record.js';

const MAX_VALUES = 250_000;
const MAX_DEPTH = 32;

/**
 * What made a checkpoint.
 *
 * @param checkpoint - its name is for messages
 * @returns undefined if it has no record
 * @throws PolyakError `ERR_CHECKPOINT` if its record is malformed
 * @example
 * ```ts
 * import { mergeRecordOf } from '@polyak/checkpoints/inspect';
 *
 * console.log(mergeRecordOf({ name: 'model.safetensors', metadata: {} })); // undefined
 * ```
 */
export function mergeRecordOf({
  name,
  metadata,
}: {
  readonly name: string;
  readonly metadata: Readonly<Record<string, string>>;
}): MergeRecord | undefined {
  if (!Object.hasOwn(metadata, RECORD_KEY)) return undefined;
  const record = parsed(metadata[RECORD_KEY] ?? '');
  if (isRecord(record)) return record;
  throw new PolyakError(
    'ERR_CHECKPOINT',
    `${name}: the record of the merge that made it is malformed. It stands in its metadata under ` +
      `"${RECORD_KEY}".`,
  );
}

function parsed(text: string): unknown {
  if (hasMoreValues(text, MAX_VALUES)) return undefined;
  try {
    return parseJson(text, (_bracket, depth) => depth < MAX_DEPTH);
  } catch {
    return undefined;
  }
}

type Members = Readonly<Partial<Record<string, unknown>>>;

function isRecord(value: unknown): value is MergeRecord {
  if (!isObject(value)) return false;
  const { version, checksum, method, inputs, base, names, rows, dtype, nonFinite, output } = value;
  return (
    typeof version === 'string' &&
    (checksum === undefined || typeof checksum === 'string') &&
    isObject(method) &&
    typeof method['name'] === 'string' &&
    isObject(method['options']) &&
    isList(inputs, isInput) &&
    inputs.length > 0 &&
    (base === undefined || isInput(base)) &&
    (names === undefined || isNames(names)) &&
    (rows === undefined || isList(rows, isString)) &&
    (dtype === undefined || typeof dtype === 'string') &&
    typeof nonFinite === 'string' &&
    isChecksum(output)
  );
}

function isInput(value: unknown): value is RecordedInput {
  if (!isObject(value)) return false;
  const { name, byteLength, checksums } = value;
  return (
    typeof name === 'string' &&
    Number.isSafeInteger(byteLength) &&
    Number(byteLength) >= 0 &&
    isList(checksums, isChecksum)
  );
}

function isNames(value: unknown): value is NameRules {
  if (!isObject(value)) return false;
  const { rename, include, exclude } = value;
  const isRule = (rule: unknown): boolean =>
    isObject(rule) && typeof rule['from'] === 'string' && typeof rule['to'] === 'string';
  return (
    (rename === undefined || isList(rename, isRule)) &&
    (include === undefined || isList(include, isString)) &&
    (exclude === undefined || isList(exclude, isString))
  );
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isList(value: unknown, isItem: (item: unknown) => boolean): value is readonly unknown[] {
  return Array.isArray(value) && value.every(isItem);
}

function isString(value: unknown): boolean {
  return typeof value === 'string';
}

/** Those of older records are shorter. */
function isChecksum(value: unknown): boolean {
  return typeof value === 'string' && /^[0-9a-f]{16}([0-9a-f]{8})?$/.test(value);
}
