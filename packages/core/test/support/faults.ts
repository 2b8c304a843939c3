// Backends and batch norm that fail on purpose, at one call.
import type { Backend, BatchNormModel } from '@polyak/core/interfaces';

/** Says whether the call that is about to be made fails: its name, and its number from 1 on. */
export type Fault = (call: string, count: number) => boolean;

/** What the faults of one test share: which calls were made, and which fails. */
export class Faults {
  /** The calls so far, by name, in their order. */
  readonly calls: string[] = [];
  fails: Fault = () => false;

  /** Counts a call. */
  enter(call: string): void {
    this.calls.push(call);
    if (this.fails(call, this.calls.length)) throw new Error(`${call} failed`);
  }

  /** Lets the next call of that name fail, once. */
  failOnce(name: string): void {
    let isLeft = true;
    this.fails = (call) => {
      const isNow = isLeft && call === name;
      if (isNow) isLeft = false;
      return isNow;
    };
  }

  /** Lets the call of this number, counted from now on, fail once. */
  failAt(number: number): void {
    const before = this.calls.length;
    this.fails = (_, count) => count === before + number;
  }
}

const METHODS = [
  'upload',
  'download',
  'clone',
  'cast',
  'allFinite',
  'average',
  'swap',
  'dispose',
] as const;

/** The backend, whose methods fail where `faults` say, before they do anything. */
export function faulty<T>(backend: Backend<T>, faults: Faults): Backend<T> {
  return { ...backend, ...intercepted(backend, METHODS, (call) => faults.enter(call)) };
}

/** The backend, all of whose methods take time. */
export function slow<T>(backend: Backend<T>): Backend<T> {
  const methods = METHODS.flatMap((name) => {
    const method = backend[name] as ((...given: never[]) => unknown) | undefined;
    if (method === undefined) return [];
    const later = async (...given: never[]): Promise<unknown> => {
      await Promise.resolve();
      return method(...given);
    };
    return [[name, later] as const];
  });
  return { ...backend, ...Object.fromEntries(methods), isSynchronous: false };
}

/** The batch norm of a model, whose calls fail where `faults` say. */
export function faultyModel<Batch>(
  model: BatchNormModel<Batch>,
  faults: Faults,
): BatchNormModel<Batch> {
  const enter = (call: string): void => faults.enter(call);
  return {
    ...model,
    ...intercepted(model, ['batchMoments', 'sampleCount'], enter),
    layers: model.layers.map((layer) => ({
      ...layer,
      ...intercepted(layer, ['read', 'write'], enter),
    })),
  };
}

function intercepted<O extends object, K extends keyof O & string>(
  object: O,
  names: readonly K[],
  enter: (call: string) => void,
): Pick<O, K> {
  const methods = names.flatMap((name) => {
    const method = object[name] as ((...given: never[]) => unknown) | undefined;
    if (method === undefined) return [];
    const checked = (...given: never[]): unknown => {
      enter(name);
      return method(...given);
    };
    return [[name, checked] as const];
  });
  return Object.fromEntries(methods) as Pick<O, K>;
}
