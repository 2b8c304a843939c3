// What may become of a call with odd arguments: it does its work, or refuses by an error of ours.
import { getHeapStatistics } from 'node:v8';
import { inspect, types } from 'node:util';
import * as fc from 'fast-check';
import { PolyakError } from '@polyak/core';
import { expect } from 'vitest';
import { anyChanges, changed } from './any-change.js';
import { fuzz } from './fuzz-run.js';
import { OwnError } from './odd-values.js';

// The engine throws its own classes. So those that our code throws are told apart.
class OurTypeError extends TypeError {}
class OurRangeError extends RangeError {}
Object.assign(globalThis, { TypeError: OurTypeError, RangeError: OurRangeError });

/** More than any call takes that does not depend on the length of what it is given, in bytes. */
const MOST_BYTES = 4 * 2 ** 20;
const MOST_MS = 5000;
const LONGEST_MESSAGE = 20_000;
const CODE = /^ERR_[A-Z_]+$/;
// What the engine throws for a proxy that was revoked, for a class that is called, and for loaders
// that cannot be read: an array without its memory, a proxy of a text.
const OF_THE_INPUT = new RegExp(
  "^Cannot perform '\\w+' on a proxy that has been revoked$|" +
    '^Class constructors cannot be invoked|values on a detached ArrayBuffer$|' +
    " requires that 'this' be a String$",
);

/** Whether an error is that of the input itself, or one that says what was expected. */
function isOurs(error: unknown): boolean {
  if (error instanceof OwnError) return true;
  if (error instanceof AggregateError) return error.errors.every(isOurs);
  if (!(error instanceof Error) || error.message.length > LONGEST_MESSAGE) return false;
  if (PolyakError.is(error)) return CODE.test(error.code);
  if (OF_THE_INPUT.test(error.message)) return true;
  return error instanceof OurTypeError || error instanceof OurRangeError;
}

const PROTOTYPES = [Object, Array, Function, String, Number, Map, Float32Array, Promise].map(
  (one) => one.prototype as object,
);
const members = (): string =>
  PROTOTYPES.map((prototype) => Reflect.ownKeys(prototype).length).join();

/** A call, and arguments that are right. */
export type Call = readonly [given: readonly unknown[], call: (...given: never[]) => unknown];

/** Calls whose arguments are changed. */
export interface Target {
  /** What the inputs are, in a few words. */
  readonly kind: string;
  /** How many inputs there are among the tests. */
  readonly count: number;
  /** What is called with them. */
  readonly calls: readonly Call[];
  /** Objects in the arguments that are not looked into. */
  readonly whole?: readonly unknown[];
  /** The most bytes that a call takes, for those with buffers of a fixed length. Default 4 MiB. */
  readonly mostBytes?: number;
  /** Called after a call that threw: throws where something has changed. */
  requireUnchanged?(): unknown;
}

/** Changes arguments; requires that each call takes or refuses them, and that both happen. */
export async function expectSurvival(target: Target): Promise<void> {
  const outcomes = { taken: 0, refused: 0 };
  const most = { bytes: 0, ms: 0 };
  const whole = new Set(target.whole);
  const before = members();
  const attempt = async (given: unknown, index: number): Promise<Attempt> => {
    const isList = !types.isProxy(given) && Array.isArray(given) && given.length < 10;
    const list = (isList ? given : [given]) as never[];
    const [begun, held] = [workNow(), bytesNow()];
    let error: unknown;
    try {
      await target.calls[index]?.[1](...list);
    } catch (thrown) {
      error = thrown ?? 'nothing';
    }
    const taken = { bytes: bytesNow() - held, ms: workNow() - begun };
    most.bytes = Math.max(most.bytes, taken.bytes);
    most.ms = Math.max(most.ms, taken.ms);
    return { error, ...taken };
  };
  // Each takes what is right. The memory that is allocated once for a process is, by then.
  for (const [given, call] of target.calls) await call(...(given as never[]));
  const property = fc.asyncProperty(
    fc.nat(target.calls.length - 1),
    anyChanges,
    async (index, changes) => {
      const given = changed(target.calls[index]?.[0], changes, whole);
      const attempted = await attempt(given, index);
      const { error } = attempted;
      const problem = problemOf(attempted, target.mostBytes ?? MOST_BYTES, members() !== before);
      if (problem !== undefined) {
        throw new Error(`${problem} for ${inspect(given, { depth: 8 })}`, { cause: error });
      }
      outcomes[error === undefined ? 'taken' : 'refused'] += 1;
      if (error !== undefined) await target.requireUnchanged?.();
    },
  );
  await fuzz(target.kind, property, target.count, () => ({ ...outcomes, ...most }));
  const { taken, refused } = outcomes;
  expect(Math.min(taken, refused)).toBeGreaterThan((taken + refused) / 50);
}

/** What became of a call: its error if it threw, and what it took. */
interface Attempt {
  readonly error: unknown;
  readonly bytes: number;
  readonly ms: number;
}

function problemOf(
  { error, bytes, ms }: Attempt,
  mostBytes: number,
  isPolluted: boolean,
): string | undefined {
  if (error !== undefined && !isOurs(error)) return `${inspect(error)} is not ours,`;
  if (isPolluted) return 'A prototype was changed';
  if (bytes > mostBytes) return `${bytes} bytes were taken`;
  if (ms > MOST_MS) return `${ms} ms of work were taken`;
  return undefined;
}

/** The processor's time in ms, which others on the machine do not lengthen. */
function workNow(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function bytesNow(): number {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  return heap + external;
}
