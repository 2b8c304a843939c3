// The form of backends that are broken on purpose, over one that is right.
import type { BackendHarness } from '@polyak/core/conformance';
import type {
  AveragedItem,
  AverageItem,
  Backend,
  HostTensor,
  Parameter,
} from '@polyak/core/interfaces';
import { sideBySide } from '../../../../tests/support/conformance.js';
import { plainBackend, plainParameter } from '../../../../tests/support/plain-backend.js';
import type { PlainBackend } from '../../../../tests/support/plain-backend.js';

/** One way to be wrong, and the test of the suite that must notice. */
export interface Broken {
  /** Continues "a backend that …". */
  readonly what: string;
  readonly test: string;
  readonly backend?: (plain: PlainBackend) => Partial<Backend<HostTensor>>;
  readonly harness?: (plain: PlainBackend) => Partial<BackendHarness<HostTensor>>;
  /** Of the suite; a little more than 2^20 unless given. */
  readonly maxElements?: number;
}

/** A harness on a backend that is right but for what is broken. */
export function harnessOf({ backend, harness }: Pick<Broken, 'backend' | 'harness'>) {
  return (): BackendHarness<HostTensor> => {
    const plain = plainBackend();
    return {
      backend: { ...plain, ...backend?.(plain) },
      parameter: plainParameter,
      sameParameter: ({ name, identity, get, set }) => ({ name, identity, get, set }),
      views: (tensors) => sideBySide(tensors).map((tensor, n) => arrayParameter(`p${n}`, tensor)),
      liveTensors: () => plain.memory().tensors,
      ...harness?.(plain),
    };
  };
}

type Item = AverageItem<HostTensor>;
type Result = AveragedItem<HostTensor>;

/** Averages other items than it was given. */
export function withItems(change: (item: Item, index: number) => Item) {
  return (plain: PlainBackend): Partial<Backend<HostTensor>> => ({
    average: (items, options) => plain.average(items.map(change), options),
  });
}

/** Returns other results than those that were made. */
export function withResults(change: (result: Result, item: Item, index: number) => Result) {
  return (plain: PlainBackend): Partial<Backend<HostTensor>> => ({
    average(items, options) {
      const made = plain.average(items, options);
      if (made.kind === 'refused') return made;
      const results = made.items.map((result, n) => change(result, items[n] as Item, n));
      return { kind: 'averaged', items: results };
    },
  });
}

/** The data of a tensor as an array of numbers that can be written to. */
export function numbers({ data }: HostTensor): Float32Array {
  return data as Float32Array;
}

/** A place over the array of a tensor, which `set` writes to. */
export function arrayParameter(name: string, tensor: HostTensor): Parameter<HostTensor> {
  const { buffer: memory, byteOffset, byteLength } = tensor.data;
  return {
    name,
    identity: { memory, byteOffset, byteLength },
    get: () => tensor,
    set: ({ data }) => tensor.data.set(data as never),
  };
}

/** A place over an array of its own, a copy. */
export function ownArrayParameter(name: string, tensor: HostTensor): Parameter<HostTensor> {
  return arrayParameter(name, { ...tensor, data: tensor.data.slice() });
}

type Swap = (
  plain: PlainBackend,
  parameters: readonly Parameter<HostTensor>[],
  tensors: readonly HostTensor[],
) => ReturnType<Backend<HostTensor>['swap']>;

/** Swaps otherwise. */
export const swaps =
  (swap: Swap): NonNullable<Broken['backend']> =>
  (plain) => ({
    swap: (parameters, tensors) => swap(plain, parameters, tensors),
  });

/** What the parameters hold. */
export const held = (parameters: readonly Parameter<HostTensor>[]): readonly HostTensor[] =>
  parameters.map((parameter) => parameter.get());

/** Writes zeros over a tensor. */
export function clear({ data }: HostTensor): void {
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength).fill(0);
}

/** Overwrites the first average. */
export function spoil(items: readonly AverageItem<HostTensor>[]): void {
  const [item] = items;
  if (item !== undefined) numbers(item.average).fill(9);
}
