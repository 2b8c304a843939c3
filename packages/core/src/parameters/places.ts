// Who has put other weights into which places of which model: the one thing that objects over the
// same weights must share, since each of them may be made without knowing of the others.
import { isMemoryRange } from '../parameter.js';
import type { PlaceIdentity } from '../parameter.js';
import type { Steps } from '../steps/steps.js';
import type { Transaction } from '../steps/transaction.js';

/** Whoever has put other weights into a model, or reads the live ones for the time of a call. */
export interface Holder {
  /** For messages: the call, such as `SWA.swapSwaSgd`. */
  readonly name: string;
  /** Whether it only reads the live weights, as others may at the same time. */
  readonly isReader: boolean;
  /** Whether the weights were left there, to be taken out by whoever comes next. */
  readonly isRecallable: boolean;
  /** Puts the live weights back. */
  recall(transaction: Transaction): Steps<void>;
}

/** For each object and each memory, what each holder has of it: sorted, without overlaps. */
type Registry = WeakMap<object, Map<Holder, readonly Stretch[]>>;

const KEY = Symbol.for('polyak.places');

/** Notes that `holder` has these places. */
export function hold(identities: readonly PlaceIdentity[], holder: Holder): void {
  for (const [object, stretches] of byObject(identities)) {
    const held = registry().get(object) ?? new Map<Holder, readonly Stretch[]>();
    registry().set(object, held.set(holder, sorted(stretches)));
  }
}

/** Notes that `holder` has none of these places any more. */
export function letGo(identities: readonly PlaceIdentity[], holder: Holder): void {
  for (const object of byObject(identities).keys()) {
    const held = registry().get(object);
    held?.delete(holder);
    if (held?.size === 0) registry().delete(object);
  }
}

/** Everybody who holds one of these places, or a part of one. */
export function holdersOf(identities: readonly PlaceIdentity[]): ReadonlySet<Holder> {
  const holders = new Set<Holder>();
  for (const [object, stretches] of byObject(identities)) {
    for (const [holder, held] of registry().get(object) ?? []) {
      const isHeld = stretches.some(({ start, end }) => {
        const last = held[lastBefore(held, end)];
        return last !== undefined && last.end > start;
      });
      if (isHeld) holders.add(holder);
    }
  }
  return holders;
}

/** Which of several places are the same, and which share only a part of their memory. */
export interface Ties {
  /** For each place, the index of the first one with the same storage: its own, if it is that. */
  readonly firsts: readonly number[];
  /** Two places that share a part of their memory only. */
  readonly overlap?: readonly [number, number];
}

/** Compares the places with each other, in time that grows with their number. */
export function tiesOf(identities: readonly PlaceIdentity[]): Ties {
  const firsts = identities.map((_, index) => index);
  for (const stretches of byObject(identities).values()) {
    const ascending = sorted(stretches);
    for (const [n, stretch] of ascending.entries()) {
      const before = ascending[n - 1];
      if (before === undefined || before.end <= stretch.start) continue;
      if (before.start !== stretch.start || before.end !== stretch.end) {
        return { firsts, overlap: [before.index, stretch.index] };
      }
      firsts[stretch.index] = firsts[before.index] as number;
    }
  }
  return { firsts };
}

interface Stretch {
  readonly start: number;
  readonly end: number;
  /** Its place in the list; equal stretches stay in that order. */
  readonly index: number;
}

/** Empty stretches are left out: they share nothing with anyone. */
function byObject(identities: readonly PlaceIdentity[]): ReadonlyMap<object, Stretch[]> {
  const groups = new Map<object, Stretch[]>();
  for (const [index, identity] of identities.entries()) {
    const isRange = isMemoryRange(identity);
    const object = isRange ? identity.memory : identity;
    const start = isRange ? identity.byteOffset : 0;
    const end = isRange ? start + identity.byteLength : Infinity;
    if (start === end) continue;
    const group = groups.get(object);
    if (group === undefined) groups.set(object, [{ start, end, index }]);
    else group.push({ start, end, index });
  }
  return groups;
}

function sorted<S extends { readonly start: number }>(stretches: readonly S[]): readonly S[] {
  const ascending = [...stretches];
  ascending.sort((a, b) => a.start - b.start);
  return ascending;
}

/** The index of the last stretch that begins before `end`, or -1. */
function lastBefore(held: readonly Stretch[], end: number): number {
  let [low, high] = [0, held.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((held[middle] as Stretch).start < end) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** One for all copies of this module in the process. */
function registry(): Registry {
  const shared = globalThis as { [KEY]?: Registry };
  return (shared[KEY] ??= new WeakMap());
}
