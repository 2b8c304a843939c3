// What the conformance suite is given to test, and the form of its tests.
import type { Awaitable } from '../awaitable.js';
import type { Backend, Parameter } from '../backend.js';
import { isFloating, isHalf } from '../tensor.js';
import type { DType, HostTensor } from '../tensor.js';

/** A backend under test, with a live model to swap into and a view on what it keeps alive. */
export interface BackendHarness<T> {
  /** The backend. */
  readonly backend: Backend<T>;
  /** A cell of a live model that holds a copy of `tensor`. */
  parameter(name: string, tensor: HostTensor): Awaitable<Parameter<T>>;
  /**
   * The tensors alive in the runtime now, however counted: the same number before and after means
   * no leak.
   */
  liveTensors(): Awaitable<number>;
  /** Called after each test. */
  close?(): Awaitable<void>;
}

/** A test of the suite before it is given a harness. */
export interface HarnessTest {
  readonly name: string;
  readonly run: <T>(harness: BackendHarness<T>) => Promise<void>;
}

/** The dtypes of a backend that averages can have. */
export function floatingDtypes<T>(backend: Backend<T>): readonly DType[] {
  return backend.dtypes.filter((dtype) => isFloating(dtype) && !isHalf(dtype));
}

/** The dtypes of a backend whose averages are float32. */
export function halfDtypes<T>(backend: Backend<T>): readonly DType[] {
  return backend.dtypes.filter(isHalf);
}
