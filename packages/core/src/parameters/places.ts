// Which objects have put other weights into which places of a model. The registry is global, since
// objects over the same weights may not know each other.
import { isMemoryRange } from '../parameter.js';
import type { PlaceIdentity } from '../parameter.js';
import type { Steps } from '../steps/steps.js';
import type { Transaction } from '../steps/transaction.js';

/** A call or loan that has put other weights into a model, or that reads the live ones. */
export interface Holder {
  /** The name of the call, for messages, such as `SWA.swapSwaSgd`. */
  readonly name: string;
  /** Whether it only reads the live weights, which several holders may do at once. */
  readonly isReader: boolean;
  /**
   * Whether the weights were left there, for the next call that needs the live ones to take out.
   */
  readonly isRecallable: boolean;
  /** Whether they are there because they could not be taken out. */
  readonly isStuck?: boolean;
  /** Puts the live weights back. */
  recall(transaction: Transaction): Steps<void>;
}

/** The stretches of each object or memory that each holder has: sorted, without overlaps. */
type Registry = WeakMap<object, Map<Holder, readonly Stretch[]>>;

const KEY = Symbol.for('polyak.places');

/** Records that `holder` has these places. */
export function hold(identities: readonly PlaceIdentity[], holder: Holder): void {
  for (const [object, stretches] of byObject(identities)) {
    const held = registry().get(object) ?? new Map<Holder, readonly Stretch[]>();
    registry().set(object, held.set(holder, sorted(stretches)));
  }
}

/** Records that `holder` no longer has these places. */
export function letGo(identities: readonly PlaceIdentity[], holder: Holder): void {
  for (const object of byObject(identities).keys()) {
    const held = registry().get(object);
    held?.delete(holder);
    if (held?.size === 0) registry().delete(object);
  }
}

/** All holders of one of these places, or of a part of one. */
export function holdersOf(identities: readonly PlaceIdentity[]): ReadonlySet<Holder> {
  const holders = new Set<Holder>();
  const held = identities.filter((identity) => registry().has(objectOf(identity)));
  for (const [object, stretches] of byObject(held)) {
    for (const [holder, own] of registry().get(object) ?? []) {
      const isHeld = stretches.some(({ start, end }) => {
        const last = own[lastBefore(own, end)];
        return last !== undefined && last.end > start;
      });
      if (isHeld) holders.add(holder);
    }
  }
  return holders;
}

/** Which places are the same, and which share only a part of their memory. */
export interface Ties {
  /** For each place, the index of the first place with the same storage, which may be its own. */
  readonly firsts: readonly number[];
  /** Two places that share only a part of their memory, if there are any. */
  readonly overlap?: readonly [number, number];
}

/** Finds the ties between places, in n log n time. */
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
  /** The index in the list; equal stretches keep that order. */
  readonly index: number;
}

/** The object or memory that a place is in. */
function objectOf(identity: PlaceIdentity): object {
  return isMemoryRange(identity) ? identity.memory : identity;
}

/** The stretches of each object or memory. Empty ones are left out, since they share nothing. */
function byObject(identities: readonly PlaceIdentity[]): ReadonlyMap<object, Stretch[]> {
  const groups = new Map<object, Stretch[]>();
  for (const [index, identity] of identities.entries()) {
    const isRange = isMemoryRange(identity);
    const object = objectOf(identity);
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

/** The registry, shared by all copies of this module in the process. */
function registry(): Registry {
  const shared = globalThis as { [KEY]?: Registry };
  return (shared[KEY] ??= new WeakMap());
}
