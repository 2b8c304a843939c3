// A runtime in one mode, as rows need it: a backend, and live weights where its users have them.
import type { Awaitable, Backend, Parameter } from '@polyak/core/interfaces';

/** What a row times; it may return a promise, which is awaited. */
export type Operation = () => unknown;

/** Live weights of a runtime. */
export interface Live<T> {
  readonly parameters: readonly Parameter<T>[];
  /** Gives the weights what the arrays hold now, as an optimizer's step would. */
  refresh(): Awaitable<void>;
  /** Frees what the garbage collector does not. */
  dispose(): unknown;
}

/** A runtime, ready. */
export interface Runtime<T> {
  readonly backend: Backend<T>;
  /**
   * Live weights with the elements of `arrays`. Where users have typed arrays, it is these.
   *
   * @param arrays - one for each parameter
   */
  live(arrays: readonly Float32Array[]): Awaitable<Live<T>>;
  /** Gives back what the runtime holds. */
  release?(): Awaitable<void>;
}

/** A runtime in one mode, which each row opens for itself. */
export interface Mode<T> {
  /** Such as `tfjs wasm`. */
  readonly name: string;
  open(): Awaitable<Runtime<T>>;
}
