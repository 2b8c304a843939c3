// Puts an average into the model, and takes it out again.
import { requireBoolean, requireFunction, requireOptions, requireWord } from '../arguments.js';
import type { Awaitable } from '../awaitable.js';
import { checkedBatchNorm } from '../batch-norm/bn-update.js';
import type { AveragedBatchNorm } from '../batch-norm/bn-update.js';
import { PolyakError } from '../error.js';
import { Loan, whileLent } from '../parameters/loan.js';
import { quoted } from '../parameters/parameter-list.js';
import type { Steps } from '../steps/steps.js';
import type { Transaction } from '../steps/transaction.js';
import type { Averages } from './averages.js';

/** Which average to put into the model, and with which batch-norm statistics. */
export interface AveragedOptions<Batch = unknown> {
  /** The name of the average. Default: the first. */
  readonly average?: string;
  /**
   * The model's batch norm, training batches, and options of {@link bnUpdate}. The running
   * statistics are estimated for the average; the live ones are put back with the live weights.
   */
  readonly batchNorm?: AveragedBatchNorm<Batch>;
}

/** Options of a swap. */
export interface SwapOptions<Batch = unknown> extends AveragedOptions<Batch> {
  /**
   * Leaves the average in the model, such as at the end of a run: the next call that needs the live
   * weights, by any object over them, puts them back first. If false, such calls throw
   * `ERR_SWAPPED` until the second swap. Default false.
   */
  readonly recallable?: boolean;
}

/** Options of `dispose`. */
export interface DisposeOptions {
  /**
   * What the model holds afterwards: its live weights, or the average that is in it now. Default
   * `live`.
   */
  readonly keep?: 'live' | 'averages';
}

/** Frees the averages. */
export function* ending<T>(averages: Averages<T>, options: DisposeOptions): Steps<void> {
  const { keep = 'live' } = requireOptions('dispose', options, ['keep']);
  requireWord('dispose', 'keep', keep, ['live', 'averages']);
  yield* averages.alone('dispose', (current) => averages.dispose(current, keep));
}

/** Puts an average into the model, or takes out the one that is in it. */
export function* toggle<T>(averages: Averages<T>, call: string, options: SwapOptions): Steps<void> {
  const given = requireSwapOptions(call, options, ['average', 'batchNorm', 'recallable']);
  averages.requireUsable(call);
  const { status, shown } = averages;
  const isOwn = status.kind === 'swapped' && status.by === call;
  const isSame = given.average === undefined || given.average === shown;
  if (isOwn && isSame) yield* takeBack(averages, call);
  else yield* show(averages, call, call, given);
}

/**
 * Runs `fn` with an average in the model, and takes it out afterwards, even if `fn` throws.
 *
 * @param by - the method that can take it out later if that fails twice
 */
export function* within<T, R>(
  averages: Averages<T>,
  call: string,
  by: string,
  fn: () => Awaitable<R>,
  options: AveragedOptions,
): Steps<R> {
  requireFunction(call, 'the first argument', fn);
  const given = requireSwapOptions(call, options, ['average', 'batchNorm']);
  yield* show(averages, call, by, given);
  function* back(): Steps<void> {
    try {
      yield* takeBack(averages, call);
    } catch (error) {
      const { status } = averages;
      if (status.kind === 'swapped') {
        status.loan.leave('stuck');
        averages.status = { ...status, by };
      }
      throw error;
    }
  }
  return yield* whileLent(call, fn, back, `Call ${by} to try again`);
}

function* show<T>(
  averages: Averages<T>,
  call: string,
  by: string,
  { average, batchNorm, recallable = false }: SwapOptions,
): Steps<void> {
  const index = averages.indexOf(call, average);
  const loan = yield* averages.alone(call, (current) =>
    lend(averages, index, by, batchNorm, current),
  );
  if (recallable) loan.leave('finished');
}

function* lend<T>(
  averages: Averages<T>,
  index: number,
  by: string,
  batchNorm: AveragedBatchNorm<unknown> | undefined,
  current: Transaction,
): Steps<Loan<T>> {
  const { call } = current;
  averages.requireUsable(call);
  for (const { list } of averages.groups) list.live(call);
  const averaged = averages.groups.filter(({ running }) => (running[index]?.nAvg ?? 0) > 0);
  if (averaged.length === 0) {
    throw new PolyakError(
      'ERR_NO_AVERAGES',
      `${call}: nothing has been averaged yet. Update the averages first.`,
    );
  }
  // Last, as it takes out what was left in the model.
  yield* averages.requireFree(current, batchNorm?.model.layers);
  const { status, terms } = averages;
  const { what, backend, warn } = terms;
  const begin = (begun: Loan<T>, method: string): void => {
    averages.status = { kind: 'swapped', index, loan: begun, by: method };
  };
  const loan = yield* Loan.begin(current, {
    backend,
    name: `${what}.${call}`,
    entries: averaged.flatMap(({ list }) => list.entries),
    tensors: averaged.flatMap(({ running }) =>
      (running[index]?.averages ?? []).map((own) => own.average),
    ),
    isOwner: false,
    batchNorm,
    replaced: status.kind === 'swapped' ? status.loan : undefined,
    onEnd: () => {
      averages.status = { kind: 'live' };
    },
    onStuck: (stuck) => begin(stuck, by),
  });
  current.commit(() => {
    begin(loan, call);
    const skipped = averages.groups.filter((group) => !averaged.includes(group));
    const names = skipped.flatMap(({ list }) => list.names);
    if (names.length > 0) warn(`${call}: no average of ${quoted(names)} yet, left unchanged.`);
  });
  return loan;
}

function* takeBack<T>(averages: Averages<T>, call: string): Steps<void> {
  const { status } = averages;
  if (status.kind !== 'swapped') return;
  yield* averages.alone(call, (current) => status.loan.takeBack(current));
}

function requireSwapOptions(
  call: string,
  options: SwapOptions,
  known: readonly string[],
): SwapOptions {
  const given = requireOptions(call, options, known);
  const { recallable = false } = given;
  const batchNorm = checkedBatchNorm(call, given.batchNorm);
  requireBoolean(call, 'recallable', recallable);
  return { ...given, ...(batchNorm && { batchNorm }) };
}
