// One update of all averages that are due: made as a whole, or not at all.
import type { AverageItem } from '../backend.js';
import { finiteCopies, nonFinite } from '../parameters/copies.js';
import type { Draft } from '../parameters/copies.js';
import { weightOf } from '../rules/rule.js';
import type { NamedRule } from '../rules/rule.js';
import { arrayOf, elementCount, isFloating } from '../tensor/tensor.js';
import type { HostTensor } from '../tensor/tensor.js';
import type { AveragedParameter } from '../parameters/parameter-list.js';
import type { RunningAverage } from './running-average.js';
import { wait } from '../steps/steps.js';
import type { Steps } from '../steps/steps.js';
import { disposeAll } from '../steps/transaction.js';

/** One average of one group that is to be moved. */
export interface Due<T> {
  readonly rule: NamedRule;
  readonly entries: readonly AveragedParameter<T>[];
  /** The live tensors of the entries. */
  readonly live: readonly T[];
  readonly before: RunningAverage<T>;
  /** What `live` weighs in the new average. */
  readonly weight: number;
}

/** What live weights weigh in the update after `nAvg` others: 1 in the first, whatever the rule. */
export function weightAfter({ rule }: NamedRule, nAvg: number): number {
  if (nAvg === 0) return 1;
  return rule.kind === 'window' ? 1 / Math.min(nAvg + 1, rule.window) : weightOf(rule, nAvg);
}

/**
 * The averages after the update, in the order of `dues`. All that can fail comes before the one
 * call that consumes the old averages, which is the last.
 *
 * @throws PolyakError `ERR_NON_FINITE` where a new average would not be finite
 */
export function* update<T>(
  draft: Draft<T>,
  dues: readonly Due<T>[],
): Steps<readonly RunningAverage<T>[]> {
  const moves: Move<T>[] = [];
  const results: (() => RunningAverage<T>)[] = [];
  for (const due of dues) {
    if (due.rule.rule.kind === 'window') {
      const slid = yield* slide(draft, due, due.rule.rule.window);
      results.push(() => slid);
    } else if (due.before.nAvg === 0) {
      const begun = yield* begin(draft, due);
      results.push(() => begun);
    } else {
      const copies = yield* integers(draft, due);
      const own = moveItems(due);
      moves.push(...own);
      results.push(() => moved(due, own, copies));
    }
  }
  yield* make(draft, moves);
  return results.map((result) => result());
}

/** An item of the consuming call, and what it gave. */
interface Move<T> {
  readonly name: string;
  readonly item: AverageItem<T>;
  result?: { readonly average: T; readonly residual?: T };
}

function moveItems<T>({ entries, live, before, weight }: Due<T>): readonly Move<T>[] {
  return entries.flatMap(({ parameter: { name }, spec }, index): Move<T>[] => {
    if (!isFloating(spec.dtype)) return [];
    const residual = before.residuals[index];
    const item = {
      average: before.averages[index] as T,
      live: live[index] as T,
      weight,
      ...(residual === undefined ? {} : { residual }),
    };
    return [{ name, item }];
  });
}

function moved<T>(
  { entries, before }: Due<T>,
  moves: readonly Move<T>[],
  copies: readonly T[],
): RunningAverage<T> {
  const [results, integersNow] = [moves.values(), copies.values()];
  const pairs = entries.map(({ spec }) =>
    isFloating(spec.dtype)
      ? (results.next().value?.result as { readonly average: T; readonly residual?: T })
      : { average: integersNow.next().value as T },
  );
  return {
    nAvg: before.nAvg + 1,
    averages: pairs.map(({ average }) => average),
    residuals: before.residuals.length === 0 ? [] : pairs.map(({ residual }) => residual),
    window: [],
  };
}

/** The consuming call. */
function* make<T>({ call, backend }: Draft<T>, moves: readonly Move<T>[]): Steps<void> {
  if (moves.length === 0) return;
  const result = yield* wait(backend.average(moves.map(({ item }) => item)));
  if (result.kind === 'refused') {
    throw nonFinite(
      call,
      result.nonFinite.map((index) => moves[index]?.name ?? `item ${index}`),
    );
  }
  moves.forEach((move, index) => {
    move.result = result.items[index] as { readonly average: T; readonly residual?: T };
  });
}

/** The first update copies, bit for bit. */
function* begin<T>(draft: Draft<T>, due: Due<T>): Steps<RunningAverage<T>> {
  const { backend, transaction } = draft;
  const averages = yield* finiteCopies(draft, due.entries, due.live);
  const isOwn = due.entries.map(({ spec }) => due.rule.compensated && isFloating(spec.dtype));
  const zeros = due.entries.filter((_, index) => isOwn[index]).map(zerosFor);
  const uploaded = zeros.length === 0 ? [] : yield* wait(backend.upload(zeros));
  const residuals = transaction.drafts(backend, uploaded).values();
  return {
    nAvg: 1,
    averages,
    residuals: due.rule.compensated
      ? isOwn.map((has) => (has ? residuals.next().value : undefined))
      : [],
    window: [],
  };
}

/** New copies of the integers; the old ones are freed once the update is made. */
function* integers<T>(
  { backend, transaction }: Draft<T>,
  { entries, live, before }: Due<T>,
): Steps<readonly T[]> {
  const isCopied = entries.map(({ spec }) => !isFloating(spec.dtype));
  if (!isCopied.includes(true)) return [];
  const copies = yield* wait(backend.clone(live.filter((_, index) => isCopied[index])));
  transaction.drafts(backend, copies);
  transaction.release(
    backend,
    before.averages.filter((_, index) => isCopied[index]),
  );
  return copies;
}

/** The mean of the last values, made anew: an average that is added to and taken from drifts. */
function* slide<T>(draft: Draft<T>, due: Due<T>, size: number): Steps<RunningAverage<T>> {
  const { backend, transaction } = draft;
  const { before, entries } = due;
  const window = [...before.window, yield* finiteCopies(draft, due.entries, due.live)].slice(-size);
  const newest = window.at(-1) ?? [];
  const isMean = entries.map(({ spec }) => isFloating(spec.dtype));
  const first = (window[0] ?? []).map((oldest, i) => (isMean[i] ? oldest : (newest[i] as T)));
  let averages = yield* wait(backend.clone(first));
  transaction.undo(() => disposeAll(backend, averages));
  for (const [n, values] of window.entries()) {
    if (n === 0) continue;
    const moves = entries.flatMap(({ parameter: { name } }, i): Move<T>[] => {
      if (!isMean[i]) return [];
      const item = { average: averages[i] as T, live: values[i] as T, weight: 1 / (n + 1) };
      return [{ name, item }];
    });
    yield* make(draft, moves);
    const results = moves.values();
    averages = averages.map((copy, i) =>
      isMean[i] ? (results.next().value?.result?.average as T) : copy,
    );
  }
  const dropped = before.window.filter((values) => !window.includes(values)).flat();
  transaction.release(backend, [...before.averages, ...dropped]);
  return { nAvg: before.nAvg + 1, averages, residuals: [], window };
}

function zerosFor<T>({ averageSpec: { dtype, shape } }: AveragedParameter<T>): HostTensor {
  return { dtype, shape, data: new (arrayOf(dtype))(elementCount(shape)) };
}
