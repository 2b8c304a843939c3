// Checks for calls that need the live weights in the model.
import { PolyakError } from '../error.js';
import type { PlaceIdentity } from '../parameter.js';
import type { Steps } from '../steps/steps.js';
import type { Transaction } from '../steps/transaction.js';
import { hold, holdersOf, letGo } from './places.js';
import type { Holder } from './places.js';

/**
 * Makes sure that these places hold their live weights: takes out weights that were left in them.
 *
 * @throws PolyakError `ERR_SWAPPED` if another call still needs the weights that are there
 */
export function* requireLive(
  current: Transaction,
  identities: readonly PlaceIdentity[],
): Steps<void> {
  const holders = [...holdersOf(identities)].filter(({ isReader }) => !isReader);
  const holder = holders.find(({ isRecallable }) => !isRecallable);
  if (holder !== undefined) throw heldBy(current.call, holder);
  for (const recallable of holders) yield* recallable.recall(current);
}

/**
 * As {@link requireLive}, for calls that put other weights into these places.
 *
 * @throws PolyakError `ERR_SWAPPED`; `ERR_BUSY` if another call is reading the live weights
 */
export function* requireFree(
  current: Transaction,
  identities: readonly PlaceIdentity[],
): Steps<void> {
  const reader = [...holdersOf(identities)].find(({ isReader }) => isReader);
  if (reader !== undefined) {
    throw new PolyakError(
      'ERR_BUSY',
      `${current.call}: ${reader.name} still reads the weights of the model. Await it first.`,
    );
  }
  yield* requireLive(current, identities);
}

/**
 * Refuses to train weights that are in the model for a while only.
 *
 * @param call - for the message
 * @param identities - of the parameters that it trains
 * @throws PolyakError `ERR_SWAPPED`, also if the weights were left there
 */
export function requireNotLent(call: string, identities: readonly PlaceIdentity[]): void {
  const holder = [...holdersOf(identities)].find(({ isReader }) => !isReader);
  if (holder !== undefined) throw heldBy(call, holder);
}

/** Holds these places for the duration of a call, which other calls then respect. */
export function holdMeanwhile(
  { name, isReader }: Pick<Holder, 'name' | 'isReader'>,
  current: Transaction,
  identities: readonly PlaceIdentity[],
): void {
  const holder: Holder = { name, isReader, isRecallable: false, *recall() {} };
  hold(identities, holder);
  current.undo(() => letGo(identities, holder));
  current.commit(() => letGo(identities, holder));
}

function heldBy(call: string, { name }: Holder): PolyakError {
  return new PolyakError(
    'ERR_SWAPPED',
    `${call}: the model holds the weights that ${name} has put into it. Put the live weights ` +
      'back first, or await that call.',
  );
}
