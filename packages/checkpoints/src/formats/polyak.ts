// States of this library's averages: their running averages, as a checkpoint.
import { PolyakError } from '@polyak/core';
import type { ByteSource, StoredTensor } from '@polyak/safetensors';
import { hasMoreValues, parseJson } from '@polyak/safetensors/json';
import type { Json } from '@polyak/safetensors/json';
import type { Checkpoint, TensorPlace } from '../checkpoint.js';
import { HeaderCache } from './header-cache.js';
import { openedFile, safetensorsLayout } from './safetensors.js';

// The limits and names of core's toSafetensors.
const KEY = 'polyak';
const VERSION = 1;
const TENSOR = '$tensor';
const MAX_DEPTH = 258;
const MAX_VALUES = 250_000;
const MAX_VALUES_PER_TENSOR = 4;

/**
 * Whether a safetensors file is a state that `toSafetensors` of `@polyak/core` wrote.
 *
 * @param metadata - of the file
 */
export function isPolyakState(metadata: Readonly<Record<string, string>>): boolean {
  return Object.hasOwn(metadata, KEY);
}

/**
 * Opens the state of an `SWA` or `AveragedModel`, as `toSafetensors` writes it, as a checkpoint of
 * its running averages. They have the names of the model's parameters, after the name of the
 * average and `/` where the state has several averages. Counters, residuals, windows and the
 * optimizer's state are left out. Tied parameters have the name that is averaged.
 *
 * @param name - its path or name, for messages
 * @param source - its bytes; not closed by the checkpoint
 * @returns the checkpoint; its layout is that of a plain safetensors file of the averages
 * @throws PolyakError `ERR_CHECKPOINT` where the file is malformed, or the state of something else
 */
export async function polyakCheckpoint(name: string, source: ByteSource): Promise<Checkpoint> {
  const file = await openedFile(name, source, new HeaderCache());
  const { [KEY]: text = '', ...metadata } = file.metadata;
  const tensors = averagesOf(name, text, file.tensors);
  return {
    name,
    format: 'polyak',
    files: [{ name, source }],
    tensors,
    metadata,
    layout: async (request) => safetensorsLayout(request, tensors),
    close: async () => {},
  };
}

function averagesOf(
  name: string,
  text: string,
  stored: ReadonlyMap<string, StoredTensor>,
): ReadonlyMap<string, TensorPlace> {
  const envelope = parsed(name, text, stored.size);
  const state = member(envelope, 'state');
  requireVersion(name, 'file', member(envelope, 'version'));
  const averages = member(state, 'averages');
  const count = Object.keys(recordOf(averages)).length;
  if (count === 0) {
    throw refused(name, 'it is the state of something else than an SWA or AveragedModel');
  }
  requireVersion(name, 'state', member(state, 'version'));
  const places = new Map<string, TensorPlace>();
  for (const [average, node] of membersOf(averages)) {
    for (const [parameter, reference] of membersOf(member(node, 'swaState'))) {
      const held = member(reference, TENSOR);
      const tensor = typeof held === 'string' ? stored.get(held) : undefined;
      if (tensor === undefined) throw refused(name, `it lacks the average of "${parameter}"`);
      const { dtype, shape, begin, end } = tensor;
      const place = { dtype, shape, file: 0, begin, byteLength: end - begin };
      const named = count === 1 ? parameter : `${average}/${parameter}`;
      if (places.has(named)) throw refused(name, `it has two averages by the name "${named}"`);
      places.set(named, place);
    }
  }
  if (places.size === 0) throw refused(name, 'it has no averages yet');
  return places;
}

function requireVersion(name: string, what: string, version: Json | undefined): void {
  if (version === VERSION) return;
  const found = `the version of its ${what} is ${JSON.stringify(version) ?? 'missing'}`;
  throw refused(name, `${found}, expected ${VERSION}. Was it written by a later Polyak?`);
}

function parsed(name: string, text: string, tensors: number): Json {
  if (hasMoreValues(text, MAX_VALUES + MAX_VALUES_PER_TENSOR * tensors))
    throw refused(name, 'its state has too many values');
  try {
    return parseJson(text, (_bracket, depth) => depth < MAX_DEPTH);
  } catch (cause) {
    throw refused(name, 'its state is not JSON', cause);
  }
}

function recordOf(node: Json | undefined): Readonly<Record<string, Json>> {
  const isRecord = typeof node === 'object' && node !== null && !Array.isArray(node);
  return isRecord ? (node as Record<string, Json>) : {};
}

/** A member of a record; none where it is not a record. */
function member(node: Json | undefined, key: string): Json | undefined {
  const record = recordOf(node);
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

/** The members of a record, under the keys that the state had. */
function* membersOf(node: Json | undefined): Generator<readonly [string, Json | undefined]> {
  const record = recordOf(node);
  for (const key of Object.keys(record)) yield [key.replace(/^\$\$/, '$'), record[key]];
}

function refused(name: string, what: string, cause?: unknown): PolyakError {
  return new PolyakError(
    'ERR_CHECKPOINT',
    `${name}: ${what}${what.endsWith('?') ? '' : '.'} ` +
      'Expected the state of an SWA or AveragedModel that has averages.',
    cause === undefined ? {} : { cause },
  );
}
