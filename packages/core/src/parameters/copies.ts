// Copies of live tensors in the precision of averages, and tensors in other dtypes.
import { described } from '../arguments.js';
import type { Backend } from '../backend.js';
import { PolyakError } from '../error.js';
import { wait } from '../steps/steps.js';
import type { Steps } from '../steps/steps.js';
import type { Transaction } from '../steps/transaction.js';
import { formatSpec, isHalf, sameSpec } from '../tensor/tensor.js';
import type { HostTensor } from '../tensor/tensor.js';
import { quoted, specOf } from './parameter-list.js';
import type { AveragedParameter } from './parameter-list.js';

/** What makes new tensors on behalf of a call. */
export interface Draft<T> {
  readonly call: string;
  readonly backend: Backend<T>;
  readonly transaction: Transaction;
}

/** Copies of the live tensors in the precision of averages, refused where one is not finite. */
export function* finiteCopies<T>(
  { call, backend, transaction }: Draft<T>,
  entries: readonly AveragedParameter<T>[],
  live: readonly T[],
): Steps<readonly T[]> {
  const isNarrow = entries.map(({ spec }) => isHalf(spec.dtype));
  const plain = live.filter((_, index) => !isNarrow[index]);
  const clones = transaction.drafts(backend, yield* wait(backend.clone(plain))).values();
  const narrow = live.filter((_, index) => isNarrow[index]);
  const casts = transaction
    .drafts(
      backend,
      yield* castTo(
        backend,
        narrow,
        narrow.map(() => 'float32'),
      ),
    )
    .values();
  const copies = isNarrow.map((half) => (half ? casts : clones).next().value as T);
  const finite = yield* wait(backend.allFinite(copies));
  const bad = entries.filter((_, index) => finite[index] !== true);
  if (bad.length === 0) return copies;
  throw nonFinite(
    call,
    bad.map(({ parameter: { name } }) => name),
  );
}

/**
 * Refuses what is no list of copies, one for each entry.
 *
 * @throws TypeError
 * @throws PolyakError `ERR_STATE` with every difference
 */
export function requireFitting<T>(
  call: string,
  backend: Backend<T>,
  entries: readonly AveragedParameter<T>[],
  tensors: readonly T[],
): void {
  if (!Array.isArray(tensors)) {
    throw new TypeError(`${call}: the tensors are ${described(tensors)}, expected an array.`);
  }
  const found = (tensors as readonly T[]).map((tensor, index) =>
    specOf(backend, `${call}: tensor ${index}`, tensor),
  );
  const problems = entries.flatMap(({ parameter: { name }, averageSpec }, index) => {
    const spec = found[index];
    if (spec !== undefined && sameSpec(spec, averageSpec)) return [];
    const given = spec === undefined ? 'missing' : formatSpec(spec);
    return [`"${name}" is ${given}, the model's ${formatSpec(averageSpec)}`];
  });
  if (found.length > entries.length) {
    problems.push(`${found.length} tensors are given, expected ${entries.length}`);
  }
  refuseProblems(call, problems);
}

/** Refuses weights that do not fit, with every difference. */
export function refuseProblems(call: string, problems: readonly string[]): void {
  if (problems.length === 0) return;
  throw new PolyakError('ERR_STATE', `${call}: the weights do not fit: ${problems.join('; ')}.`);
}

/** New tensors in other dtypes. */
export function* castTo<T>(
  backend: Backend<T>,
  tensors: readonly T[],
  dtypes: readonly HostTensor['dtype'][],
): Steps<readonly T[]> {
  if (tensors.length === 0) return [];
  if (backend.cast === undefined) throw new TypeError(`The backend ${backend.name} lacks cast.`);
  return yield* wait(backend.cast(tensors, dtypes));
}

/** The refusal of weights or averages that are not finite. */
export function nonFinite(call: string, names: readonly string[]): PolyakError {
  return new PolyakError(
    'ERR_NON_FINITE',
    `${call}: NaN or an infinity in ${quoted([...new Set(names)])}, or an average beyond the ` +
      'largest number. The averages are as they were: put finite weights back and go on.',
  );
}
