// One update of all averages that are due: all of it is made, or nothing.
import type { AverageItem, Backend } from '../backend.js';
import type { NonFinitePolicy } from '../non-finite.js';
import { copied, refuseNonFinite, replaced, requireFinite } from '../parameters/copies.js';
import type { AveragedParameter } from '../parameters/parameter-list.js';
import { weightOf } from '../rules/rule.js';
import type { NamedRule } from '../rules/rule.js';
import { wait } from '../steps/steps.js';
import type { Steps } from '../steps/steps.js';
import { disposeAll } from '../steps/transaction.js';
import type { Transaction } from '../steps/transaction.js';
import { isFloating, zeros } from '../tensor/tensor.js';
import { averaged } from './running-average.js';
import type { Averaged, RunningAverage } from './running-average.js';

/** The settings of an update. */
export interface UpdateTerms<T> {
  readonly backend: Backend<T>;
  readonly nonFinite: NonFinitePolicy;
  /** The end of the message if a number is not finite. */
  readonly refusal: string;
}

/** One average of one group that is due for an update. */
export interface Due<T> {
  readonly rule: NamedRule;
  readonly entries: readonly AveragedParameter<T>[];
  /** The live tensors of the entries. */
  readonly live: readonly T[];
  readonly before: RunningAverage<T>;
  /** The weight of `live` in the new average. */
  readonly weight: number;
}

/** An update that was made. */
export interface Updated<T> {
  /** The averages, in the order of the dues. */
  readonly after: readonly RunningAverage<T>[];
  /** Whether a weight differs from its average; undefined where none is compared with one. */
  readonly hasMoved: boolean | undefined;
}

/**
 * The weight of the live weights in the update after `nAvg` others; 1 in the first for any rule.
 */
export function weightAfter({ rule }: NamedRule, nAvg: number): number {
  if (nAvg === 0) return 1;
  return rule.kind === 'window' ? 1 / Math.min(nAvg + 1, rule.window) : weightOf(rule, nAvg);
}

/**
 * Makes the update. The call that consumes the old averages comes last, after all that can fail.
 *
 * @throws PolyakError `ERR_NON_FINITE` if a new average would not be finite
 */
export function* update<T>(
  current: Transaction,
  terms: UpdateTerms<T>,
  dues: readonly Due<T>[],
): Steps<Updated<T>> {
  const drafts: Draft<T>[] = [];
  for (const due of dues) {
    const { rule } = due.rule;
    if (rule.kind === 'window') drafts.push(yield* slid(current, terms, due, rule.window));
    else if (due.before.nAvg === 0) drafts.push(yield* begun(current, terms, due));
    else drafts.push(yield* moving(current, terms, due));
  }
  const hasMoved = yield* make(
    current,
    terms,
    drafts.flatMap(({ places }) => places),
  );
  const after = drafts.map(({ places, window }, n) => ({
    nAvg: (dues[n]?.before.nAvg ?? 0) + 1,
    averages: places.map((place) => place.after as Averaged<T>),
    window,
  }));
  const found = [hasMoved, ...drafts.map((draft) => draft.hasMoved)];
  return { after, hasMoved: found.includes(true) || (found.includes(false) ? false : undefined) };
}

/** A running average before the call that consumes the old one. */
interface Draft<T> {
  readonly places: readonly Place<T>[];
  readonly window: readonly (readonly T[])[];
  /** As that of {@link Updated}, without the consuming call. */
  readonly hasMoved?: boolean | undefined;
}

/** The average of one parameter after the update. */
interface Place<T> {
  readonly name: string;
  /** The input of the consuming call, whose result is `after`. */
  readonly item?: AverageItem<T>;
  after?: Averaged<T>;
}

/** The consuming call. Returns whether a live weight differs from its average, if any has one. */
function* make<T>(
  current: Transaction,
  { backend, nonFinite, refusal }: UpdateTerms<T>,
  places: readonly Place<T>[],
): Steps<boolean | undefined> {
  const moves = places.filter((place) => place.item !== undefined);
  if (moves.length === 0) return undefined;
  const items = moves.map(({ item }) => item as AverageItem<T>);
  const options = nonFinite === 'allow' ? { allowNonFinite: true } : {};
  const result = yield* wait(backend.average(items, options));
  if (result.kind === 'refused') {
    const bad = result.nonFinite.map((n) => [moves[n]?.name ?? '', items[n]?.live as T] as const);
    return yield* refuseNonFinite(current, backend, new Map(bad), refusal);
  }
  moves.forEach((move, index) => {
    const { average, residual } = result.items[index] as Averaged<T>;
    move.after = averaged(average, residual);
  });
  return result.items.some(({ hasMoved }) => hasMoved);
}

/** Drafts a later update: floats are left to the consuming call, integers are copied. */
function* moving<T>(
  current: Transaction,
  { backend }: UpdateTerms<T>,
  { entries, live, before, weight }: Due<T>,
): Steps<Draft<T>> {
  const isCopied = entries.map(({ spec }) => !isFloating(spec.dtype));
  const copies = yield* replaced(
    live,
    (index) => isCopied[index] === true,
    function* (integers) {
      return current.drafts(backend, yield* wait(backend.clone(integers)));
    },
  );
  const old = before.averages.filter((_, index) => isCopied[index]);
  current.release(
    backend,
    old.map(({ average }) => average),
  );
  const places = entries.map(({ parameter: { name } }, index): Place<T> => {
    const value = copies[index] as T;
    const { average, residual } = before.averages[index] as Averaged<T>;
    if (isCopied[index]) return { name, after: { average: value } };
    return { name, item: { ...averaged(average, residual), live: value, weight } };
  });
  return { places, window: [] };
}

/** Drafts the first update, which copies bit for bit. */
function* begun<T>(current: Transaction, terms: UpdateTerms<T>, due: Due<T>): Steps<Draft<T>> {
  const { backend } = terms;
  const { entries, rule } = due;
  const averages = yield* checkedCopies(current, terms, due);
  const isCarried = entries.map(({ spec }) => rule.compensated && isFloating(spec.dtype));
  const carried = entries.filter((_, index) => isCarried[index]);
  const residuals = yield* replaced(
    averages,
    (index) => isCarried[index] === true,
    function* () {
      const host = carried.map(({ averageSpec }) => zeros(averageSpec));
      return current.drafts(backend, yield* wait(backend.upload(host)));
    },
  );
  const places = entries.map(({ parameter: { name } }, index) => ({
    name,
    after: averaged(averages[index] as T, isCarried[index] ? residuals[index] : undefined),
  }));
  return { places, window: [] };
}

/** The mean of the last values, computed from scratch: adding and removing values would drift. */
function* slid<T>(
  current: Transaction,
  terms: UpdateTerms<T>,
  due: Due<T>,
  size: number,
): Steps<Draft<T>> {
  const { backend } = terms;
  const { before, entries } = due;
  const window = [...before.window, yield* checkedCopies(current, terms, due)].slice(-size);
  const isMean = entries.map(({ spec }) => isFloating(spec.dtype));
  const [oldest = [], newest = []] = [window[0], window.at(-1)];
  let averages = yield* wait(
    backend.clone(entries.map((_, i) => (isMean[i] ? oldest[i] : newest[i]) as T)),
  );
  current.undo(() => disposeAll(backend, averages));
  let places: readonly Place<T>[] = [];
  let hasMoved: boolean | undefined;
  for (const [n, values] of window.entries()) {
    places = entries.map(({ parameter: { name } }, i) => {
      const average = averages[i] as T;
      if (n === 0 || !isMean[i]) return { name, after: { average } };
      return { name, item: { average, live: values[i] as T, weight: 1 / (n + 1) } };
    });
    hasMoved = yield* make(current, terms, places);
    averages = places.map(({ after }) => after?.average as T);
  }
  const dropped = before.window.filter((values) => !window.includes(values));
  current.release(backend, [...before.averages.map(({ average }) => average), ...dropped.flat()]);
  const made = places.map(({ name, after }) => ({ name, after: after as Averaged<T> }));
  return { places: made, window, hasMoved };
}

/** Copies of the live tensors. Throws if one is not finite, unless the policy allows that. */
function* checkedCopies<T>(
  current: Transaction,
  { backend, nonFinite, refusal }: UpdateTerms<T>,
  { entries, live }: Due<T>,
): Steps<readonly T[]> {
  const copies = yield* copied(current, backend, entries, live);
  if (nonFinite !== 'allow') yield* requireFinite(current, backend, entries, copies, refusal);
  return copies;
}
