// Copies of live tensors in the precision of averages, and the reverse.
import type { Awaitable } from '../awaitable.js';
import type { Backend } from '../backend.js';
import { PolyakError } from '../error.js';
import type { Parameter } from '../parameter.js';
import { wait } from '../steps/steps.js';
import type { Steps } from '../steps/steps.js';
import type { Transaction } from '../steps/transaction.js';
import { floatsOf } from '../tensor/half.js';
import { isFloating, isHalf, sameBytes } from '../tensor/tensor.js';
import type { DType, HostTensor } from '../tensor/tensor.js';
import { quoted } from './parameter-list.js';
import type { AveragedParameter } from './parameter-list.js';

/** Copies of the live tensors in the precision of averages. */
export function* copied<T>(
  current: Transaction,
  backend: Backend<T>,
  entries: readonly AveragedParameter<T>[],
  live: readonly T[],
): Steps<readonly T[]> {
  const halves = entries.map(({ spec }) => isHalf(spec.dtype));
  const clones = yield* replaced(
    live,
    (index) => !halves[index],
    function* (plain) {
      return current.drafts(backend, yield* wait(backend.clone(plain)));
    },
  );
  return yield* replaced(
    clones,
    (index) => halves[index] === true,
    function* (narrow) {
      return yield* cast(
        current,
        backend,
        narrow,
        narrow.map(() => 'float32'),
      );
    },
  );
}

/**
 * The averages `tensors` in the precision of the model: rounded copies for half precision.
 *
 * @throws PolyakError `ERR_NON_FINITE` where one that is finite is too large for that
 */
export function* rounded<T>(
  current: Transaction,
  backend: Backend<T>,
  entries: readonly AveragedParameter<T>[],
  tensors: readonly T[],
): Steps<readonly T[]> {
  const halves = entries.filter(({ spec }) => isHalf(spec.dtype));
  const isHalfAt = (index: number): boolean => isHalf(entries[index]?.spec.dtype ?? 'float32');
  return yield* replaced(tensors, isHalfAt, function* (wide) {
    const dtypes = halves.map(({ spec }) => spec.dtype);
    const narrow = yield* cast(current, backend, wide, dtypes);
    const finite = yield* wait(backend.allFinite(narrow));
    // Averages of NaN and infinities may be allowed.
    const wasFinite = finite.every(Boolean) ? finite : yield* wait(backend.allFinite(wide));
    const bad = halves.filter((_, index) => finite[index] !== true && wasFinite[index] === true);
    if (bad.length > 0) {
      throw new PolyakError(
        'ERR_NON_FINITE',
        `${current.call}: the average of ${quoted(bad.map(({ parameter }) => parameter.name))} ` +
          "is too large for the model's half precision.",
      );
    }
    // The parameters have copied or shared them by then.
    current.release(backend, narrow);
    return narrow;
  });
}

/** Parameters whose `get` has returned what they were set to. */
const VERIFIED = new WeakSet();

/**
 * Throws if the `get` of a parameter does not return what it was set to. A parameter is checked
 * until a set has changed its value.
 *
 * @param tensors - the values that the parameters were set to
 * @param before - the values that they held before
 * @throws PolyakError `ERR_PARAMETERS`
 */
export function* requireHeld<T>(
  { call }: Transaction,
  backend: Backend<T>,
  entries: readonly AveragedParameter<T>[],
  tensors: readonly T[],
  before: readonly T[],
): Steps<void> {
  const parameters = entries.map(({ parameter }) => parameter);
  const isNew = parameters.map((parameter) => !VERIFIED.has(parameter));
  const fresh = parameters.filter((_, index) => isNew[index]);
  if (fresh.length === 0) return;
  const chosen = tensors.filter((_, index) => isNew[index]);
  const held = fresh.map((parameter) => parameter.get());
  const bad = yield* differing(backend, fresh, held, chosen);
  if (bad.length > 0) {
    throw new PolyakError(
      'ERR_PARAMETERS',
      `${call}: after set, get of ${quoted(bad.map(({ name }) => name))} returns other values. ` +
        'Both must use the tensor that the model computes with.',
    );
  }
  const old = before.filter((_, index) => isNew[index]);
  const moved = yield* differing(backend, fresh, old, chosen);
  for (const parameter of moved) VERIFIED.add(parameter);
}

/**
 * Throws if a tensor is not finite.
 *
 * @param rest - the end of the message, such as ` in step 7.`
 */
export function* requireFinite<T>(
  current: Transaction,
  backend: Backend<T>,
  entries: readonly AveragedParameter<T>[],
  tensors: readonly T[],
  rest: string = '.',
): Steps<void> {
  const finite = yield* wait(backend.allFinite(tensors));
  const bad = entries.flatMap(({ parameter: { name } }, index) =>
    finite[index] === true ? [] : [[name, tensors[index] as T] as const],
  );
  if (bad.length > 0) yield* refuseNonFinite(current, backend, new Map(bad), rest);
}

/**
 * Throws for tensors that are not finite, naming the first such element.
 *
 * @param bad - the tensors by name; one may be finite if only its average is not
 * @param rest - the end of the message, such as ` in step 7.`
 */
export function* refuseNonFinite<T>(
  { call }: Transaction,
  backend: Backend<T>,
  bad: ReadonlyMap<string, T>,
  rest: string = '.',
): Steps<never> {
  const [first, ...others] = [...bad];
  const host = first === undefined ? [] : yield* wait(backend.download([first[1]]));
  const values = host.flatMap((tensor) => (isFloating(tensor.dtype) ? [floatsOf(tensor)] : []));
  const index = values[0]?.findIndex((value) => !Number.isFinite(value)) ?? -1;
  const found = index < 0 ? 'a result that is not finite' : `${values[0]?.[index]}`;
  const place = index < 0 ? '' : ` at index ${index}`;
  const more = others.length === 0 ? '' : ` (and in ${quoted(others.map(([name]) => name))})`;
  throw new PolyakError(
    'ERR_NON_FINITE',
    `${call}: ${found}${place} of ${quoted([first?.[0] ?? ''])}${more}${rest}`,
  );
}

/**
 * `tensors`, of which some are replaced by what `make` returns for them, in one call.
 *
 * @param isReplaced - whether to replace the tensor at an index
 */
export function* replaced<T>(
  tensors: readonly T[],
  isReplaced: (index: number) => boolean,
  make: (chosen: readonly T[]) => Steps<readonly T[]>,
): Steps<readonly T[]> {
  const chosen = tensors.filter((_, index) => isReplaced(index));
  if (chosen.length === 0) return tensors;
  const made = (yield* make(chosen)).values();
  return tensors.map((tensor, index) => (isReplaced(index) ? (made.next().value as T) : tensor));
}

function* cast<T>(
  current: Transaction,
  backend: Backend<T>,
  tensors: readonly T[],
  dtypes: readonly DType[],
): Steps<readonly T[]> {
  if (backend.cast === undefined) throw new TypeError(`The backend ${backend.name} has no cast.`);
  return current.drafts(backend, yield* wait(backend.cast(tensors, dtypes)));
}

/** The parameters whose tensor of `a` differs from that of `b` in a bit. */
export function* differing<T>(
  backend: Backend<T>,
  parameters: readonly Parameter<T>[],
  a: readonly T[],
  b: readonly T[],
): Steps<readonly Parameter<T>[]> {
  const [left, right] = [yield* wait(viewed(backend, a)), yield* wait(viewed(backend, b))];
  return parameters.filter((_, index) => !sameBytes(left[index]?.data, right[index]?.data));
}

/** The contents of `tensors`, to be read before they change: views if the backend has them. */
export function viewed<T>(
  backend: Backend<T>,
  tensors: readonly T[],
): Awaitable<readonly HostTensor[]> {
  return backend.hostViews?.(tensors) ?? backend.download(tensors);
}
