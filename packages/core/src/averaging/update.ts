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
  const { after, hasMoved } = yield* make(current, terms, drafts);
  const running = drafts.map(({ due, window }, n) => ({
    nAvg: due.before.nAvg + 1,
    averages: after[n] as readonly Averaged<T>[],
    window,
  }));
  const found = [hasMoved, ...drafts.map((draft) => draft.hasMoved)];
  return {
    after: running,
    hasMoved: found.includes(true) || (found.includes(false) ? false : undefined),
  };
}

/** The new averages of one due, before the call that consumes the old ones. */
interface Draft<T> {
  readonly due: Due<T>;
  /** One for each entry: an input of that call, or what is final without it. */
  readonly places: readonly (AverageItem<T> | Averaged<T>)[];
  readonly window: readonly (readonly T[])[];
  /** As that of {@link Updated}, without the consuming call. */
  readonly hasMoved?: boolean | undefined;
}

function isItem<T>(place: AverageItem<T> | Averaged<T>): place is AverageItem<T> {
  return 'live' in place;
}

/** The consuming call. Returns the averages of each draft. */
function* make<T>(
  current: Transaction,
  { backend, nonFinite, refusal }: UpdateTerms<T>,
  drafts: readonly Draft<T>[],
): Steps<{
  readonly after: readonly (readonly Averaged<T>[])[];
  readonly hasMoved: boolean | undefined;
}> {
  const items: AverageItem<T>[] = [];
  for (const { places } of drafts) for (const place of places) if (isItem(place)) items.push(place);
  if (items.length === 0) return { after: drafts.map(({ places }) => places), hasMoved: undefined };
  const options = nonFinite === 'allow' ? { allowNonFinite: true } : {};
  const result = yield* wait(backend.average(items, options));
  if (result.kind === 'refused') {
    const names = drafts.flatMap(({ due, places }) =>
      due.entries.filter((_, n) => isItem(places[n] as Averaged<T>)).map(nameOf),
    );
    const bad = result.nonFinite.map((n) => [names[n] ?? '', items[n]?.live as T] as const);
    return yield* refuseNonFinite(current, backend, new Map(bad), refusal);
  }
  let next = 0;
  const after = drafts.map(({ places }) =>
    places.map((place) => (isItem(place) ? (result.items[next++] as Averaged<T>) : place)),
  );
  return { after, hasMoved: result.items.some(({ hasMoved }) => hasMoved) };
}

function nameOf<T>({ parameter: { name } }: AveragedParameter<T>): string {
  return name;
}

/** Drafts a later update: floats are left to the consuming call, integers are copied. */
function* moving<T>(
  current: Transaction,
  { backend }: UpdateTerms<T>,
  due: Due<T>,
): Steps<Draft<T>> {
  const { entries, live, before, weight } = due;
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
  // Written out: object spreads took a quarter of an update of 160 small tensors.
  const places = before.averages.map(({ average, residual }, index) => {
    const value = copies[index] as T;
    if (isCopied[index]) return { average: value };
    if (residual === undefined) return { average, live: value, weight };
    return { average, residual, live: value, weight };
  });
  return { due, places, window: [] };
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
  const places = averages.map((average, index) =>
    averaged(average, isCarried[index] ? residuals[index] : undefined),
  );
  return { due, places, window: [] };
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
  const first = yield* wait(
    backend.clone(entries.map((_, i) => (isMean[i] ? oldest[i] : newest[i]) as T)),
  );
  let averages: readonly Averaged<T>[] = first.map((average) => ({ average }));
  current.undo(() =>
    disposeAll(
      backend,
      averages.map(({ average }) => average),
    ),
  );
  let hasMoved: boolean | undefined;
  for (const [n, values] of window.entries()) {
    if (n === 0) continue;
    const places = averages.map(({ average }, i) =>
      isMean[i] ? { average, live: values[i] as T, weight: 1 / (n + 1) } : { average },
    );
    const made = yield* make(current, terms, [{ due, places, window }]);
    averages = made.after[0] as readonly Averaged<T>[];
    hasMoved = made.hasMoved;
  }
  const dropped = before.window.filter((values) => !window.includes(values));
  current.release(backend, [...before.averages.map(({ average }) => average), ...dropped.flat()]);
  return { due, places: averages, window, hasMoved };
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
