// A backend of every dtype by the plainest means: what a backend is, to be tested with and broken.
import type {
  AveragedItem,
  AverageItem,
  Backend,
  DType,
  HostTensor,
  Parameter,
} from '@polyak/core/interfaces';
import { arrayOf, canonical, isFloating, isHalf } from '@polyak/core/interfaces';
import { allFinite, halfBits, halfValue, ledger, swapAll } from '@polyak/core/kit';
import type { LedgerMemory } from '@polyak/core/kit';
import { DTYPES } from './arbitrary-tensor.js';

/** The backend. No method returns a promise but `swap` where a `set` does. */
export interface PlainBackend extends Backend<HostTensor> {
  upload(tensors: readonly HostTensor[]): readonly HostTensor[];
  download(tensors: readonly HostTensor[]): readonly HostTensor[];
  clone(tensors: readonly HostTensor[]): readonly HostTensor[];
  cast(tensors: readonly HostTensor[], dtypes: readonly DType[]): readonly HostTensor[];
  allFinite(tensors: readonly HostTensor[]): readonly boolean[];
  average(...given: Parameters<Backend<HostTensor>['average']>): PlainResult;
  dispose(tensors: readonly HostTensor[]): void;
  /** The tensors made and not yet disposed of. */
  memory(): LedgerMemory;
}

type PlainResult = Awaited<ReturnType<Backend<HostTensor>['average']>>;

/**
 * A backend whose tensors are never written to: an update makes new ones.
 *
 * @param dtypes - what it declares
 */
export function plainBackend(dtypes: readonly DType[] = DTYPES): PlainBackend {
  const book = ledger<HostTensor>(
    ({ data }) => data,
    (tensor) => tensor,
  );

  const read = (call: string, tensors: readonly HostTensor[]): readonly HostTensor[] => {
    book.requireAlive(call, tensors);
    return tensors.map(copied);
  };
  const made = (tensors: readonly HostTensor[]): readonly HostTensor[] => book.add(tensors);
  const dispose = (tensors: readonly HostTensor[]): void => void book.release('dispose', tensors);
  const clone = (tensors: readonly HostTensor[]): readonly HostTensor[] =>
    made(read('clone', tensors));

  return {
    specVersion: 1,
    name: 'plain',
    dtypes,
    isSynchronous: true,
    canCompensate: true,
    memory: () => book.memory(),
    spec: ({ dtype, shape }) => ({ dtype, shape }),
    upload: (tensors) => made(tensors.map((tensor) => copied(canonical(tensor)))),
    download: (tensors) => read('download', tensors),
    clone,
    cast: (tensors, to) =>
      made(read('cast', tensors).map((tensor, n) => fromNumbers(to[n], numbersOf(tensor), tensor))),
    allFinite: (tensors) =>
      read('allFinite', tensors).map(({ dtype, data }) => allFinite(dtype, data)),
    average(items, { allowNonFinite = false } = {}) {
      const own = items.flatMap(({ average, residual }) => [average, ...present(residual)]);
      book.requireAlive('average', [...own, ...items.map(({ live }) => live)]);
      const results = items.map(averaged);
      const nonFinite = results.flatMap(({ isFinite }, index) => (isFinite ? [] : [index]));
      if (nonFinite.length > 0 && !allowNonFinite) return { kind: 'refused', nonFinite };
      dispose(own);
      made(results.flatMap(({ average, residual }) => [average, ...present(residual)]));
      return { kind: 'averaged', items: results };
    },
    swap(parameters, tensors) {
      book.requireAlive('swap', tensors);
      return swapAll({ hold: clone, dispose }, parameters, tensors);
    },
    dispose,
  };
}

/** A place that takes a copy of what it is given. */
export function plainParameter(name: string, tensor: HostTensor): Parameter<HostTensor> {
  let held = copied(tensor);
  const identity = {};
  return { name, identity, get: () => held, set: (other) => void (held = copied(other)) };
}

function averaged(item: AverageItem<HostTensor>): AveragedItem<HostTensor> {
  const { average, residual, live, weight } = item;
  const [old, target] = [numbersOf(average), numbersOf(live)];
  const round = average.dtype === 'float64' ? (value: number): number => value : Math.fround;
  const w = round(weight);
  const carried = residual === undefined ? undefined : numbersOf(residual);
  const left: number[] = [];
  const moved = old.map((a, i) => {
    const p = target[i] as number;
    const difference = round(round(p - a) - (carried?.[i] ?? 0));
    const step = round((carried?.[i] ?? 0) + round(w * difference));
    const next = round(a + step);
    const isFinite = Number.isFinite(next);
    left.push(isFinite ? round(step - round(next - a)) : 0);
    // Where that overflows, each side is weighed.
    return isFinite ? next : round(round(round(1 - w) * a) + round(w * p));
  });
  const next = fromNumbers(average.dtype, moved, average);
  return {
    average: next,
    ...(residual === undefined ? {} : { residual: fromNumbers(average.dtype, left, average) }),
    isFinite: allFinite(next.dtype, next.data),
    hasMoved: old.some((a, i) => a !== target[i]),
  };
}

function present<V>(value: V | undefined): readonly V[] {
  return value === undefined ? [] : [value];
}

function copied({ dtype, shape, data }: HostTensor): HostTensor {
  return { dtype, shape: [...shape], data: data.slice() };
}

function numbersOf({ dtype, data }: HostTensor): readonly number[] {
  return Array.from(data as Float64Array, (element) =>
    isHalf(dtype) ? halfValue(dtype, element) : element,
  );
}

function fromNumbers(
  dtype: DType | undefined,
  numbers: readonly number[],
  { shape }: HostTensor,
): HostTensor {
  if (dtype === undefined || !isFloating(dtype)) throw new TypeError(`cast to ${dtype}.`);
  const elements = isHalf(dtype) ? numbers.map((value) => halfBits(dtype, value)) : numbers;
  return { dtype, shape, data: (arrayOf(dtype) as Float64ArrayConstructor).from(elements) };
}
