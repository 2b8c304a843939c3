// What the conformance suite is given to test, and the form of its tests.
import type { Awaitable } from '../awaitable.js';
import type { Backend } from '../backend.js';
import type { Parameter } from '../parameter.js';
import { isFloating, isHalf } from '../tensor/tensor.js';
import type { DType, HostTensor } from '../tensor/tensor.js';

/** A backend under test, with a live model to swap into and a view on what it keeps alive. */
export interface BackendHarness<T> {
  /** The backend. */
  readonly backend: Backend<T>;
  /** A new place of a live model that holds a copy of `tensor`. */
  parameter(name: string, tensor: HostTensor): Awaitable<Parameter<T>>;
  /**
   * Another `Parameter` of the same place, made as a user would who asks for it a second time.
   * Absent where each place has one `Parameter` only.
   */
  sameParameter?(parameter: Parameter<T>): Awaitable<Parameter<T>>;
  /**
   * Places of a live model that hold copies of `tensors` in one memory: at offsets of their own,
   * and with strides where the runtime has such. Absent where each tensor has a memory of its own.
   */
  views?(tensors: readonly HostTensor[]): Awaitable<readonly Parameter<T>[]>;
  /**
   * The tensors alive in the runtime now, however counted: the same number before and after means
   * no leak, and a tensor that is disposed of lowers it.
   */
  liveTensors(): Awaitable<number>;
  /** Called after each test. */
  close?(): Awaitable<void>;
}

/** Options of the suite. */
export interface ConformanceOptions {
  /**
   * The elements of the large tensors, of which some ten are alive at a time. Make it less where
   * memory is short; what goes wrong in larger tensors is then not seen. Default 4099²
   * (16,801,801): more than 2^24, beyond which float32 cannot count, and more than 65,535
   * workgroups of 256.
   */
  readonly maxElements?: number;
}

/** A test of the suite before it is given a harness. */
export interface HarnessTest {
  readonly name: string;
  /** Why there is nothing to try, for a backend that does not declare what this test is about. */
  readonly skip?: <T>(harness: BackendHarness<T>) => string | undefined;
  readonly run: <T>(
    harness: BackendHarness<T>,
    options: Required<ConformanceOptions>,
  ) => Promise<void>;
}

/** The dtypes of a backend that averages can have. */
export function floatingDtypes<T>(backend: Backend<T>): readonly DType[] {
  return backend.dtypes.filter((dtype) => isFloating(dtype) && !isHalf(dtype));
}

/** The dtype of tests that try one only: float32, or float64 where there is no float32. */
export function dtypeOf<T>(backend: Backend<T>): DType {
  const dtypes = floatingDtypes(backend);
  return dtypes.includes('float32') ? 'float32' : (dtypes[0] ?? 'float32');
}

/** The dtypes of a backend that are copied and never averaged. */
export function integerDtypes<T>(backend: Backend<T>): readonly DType[] {
  return backend.dtypes.filter((dtype) => !isFloating(dtype));
}

/** The dtypes of a backend whose averages are float32. */
export function halfDtypes<T>(backend: Backend<T>): readonly DType[] {
  return backend.dtypes.filter(isHalf);
}

/** Why tests of the compensated accumulator are skipped. */
export function withoutResiduals<T>({ backend }: BackendHarness<T>): string | undefined {
  return backend.canCompensate ? undefined : `${backend.name} has no compensated accumulator`;
}

/** Why tests of integers are skipped. */
export function withoutIntegers<T>({ backend }: BackendHarness<T>): string | undefined {
  return integerDtypes(backend).length > 0 ? undefined : `${backend.name} has no integer dtype`;
}

/** Why tests of half precision are skipped. */
export function withoutHalf<T>({ backend }: BackendHarness<T>): string | undefined {
  if (halfDtypes(backend).length > 0) return undefined;
  return `${backend.name} has neither float16 nor bfloat16`;
}

/** Places of a live model with copies of `tensors`. */
export async function parametersOf<T>(
  harness: BackendHarness<T>,
  tensors: readonly HostTensor[],
): Promise<readonly Parameter<T>[]> {
  const parameters: Parameter<T>[] = [];
  for (const [n, tensor] of tensors.entries()) {
    parameters.push(await harness.parameter(`p${n}`, tensor));
  }
  return parameters;
}

/** What the parameters hold, on the host. */
export async function heldBy<T>(
  { backend }: BackendHarness<T>,
  parameters: readonly Parameter<T>[],
): Promise<readonly HostTensor[]> {
  return backend.download(parameters.map((parameter) => parameter.get()));
}

/** The same place with another `set`. */
export function withSet<T>(parameter: Parameter<T>, set: Parameter<T>['set']): Parameter<T> {
  const { name, identity } = parameter;
  return { name, identity, get: () => parameter.get(), set };
}

/** A few turns of the queue of promises. */
export async function ticks(): Promise<void> {
  for (let n = 0; n < 20; n += 1) await Promise.resolve();
}
