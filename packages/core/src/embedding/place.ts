// Reads and writes one parameter as averaging does, and finds what its `get` and `set` do wrong.
import type { Backend } from '../backend.js';
import type { Parameter } from '../parameter.js';
import { specOf } from '../parameters/parameter-list.js';
import type { AveragedParameter } from '../parameters/parameter-list.js';
import { wait } from '../steps/steps.js';
import type { Steps } from '../steps/steps.js';
import { disposeAll } from '../steps/transaction.js';
import { formatSpec, sameBytes, sameSpec, zeros } from '../tensor/tensor.js';
import type { HostTensor, TensorSpec } from '../tensor/tensor.js';
import { CALL, flaw, unreadable } from './flaw.js';

/** One parameter under test. */
export class Place<T> {
  readonly name: string;
  readonly #backend: Backend<T>;
  readonly #parameter: Parameter<T>;
  readonly #spec: TensorSpec;
  /** Whether its `set` keeps the tensor that it is given. */
  #isKeeping = false;

  constructor(
    backend: Backend<T>,
    { parameter, spec }: Pick<AveragedParameter<T>, 'parameter' | 'spec'>,
  ) {
    this.name = parameter.name;
    this.#backend = backend;
    this.#parameter = parameter;
    this.#spec = spec;
  }

  /** What the parameter holds, copied to the host. */
  *read(): Steps<HostTensor> {
    const { name } = this;
    let host: readonly HostTensor[];
    let found: TensorSpec;
    try {
      const tensor = this.#parameter.get();
      found = specOf(this.#backend, `${CALL}: "${name}"`, tensor);
      host = yield* wait(this.#backend.download([tensor]));
    } catch (error) {
      throw unreadable(name, error);
    }
    if (sameSpec(found, this.#spec)) return host[0] as HostTensor;
    throw flaw(
      `"${name}" is ${formatSpec(found)}, and was ${formatSpec(this.#spec)} before`,
      'set must keep the dtype and the shape.',
    );
  }

  /** Gives the parameter the contents of `value`, and makes sure that it holds them. */
  *put(value: HostTensor): Steps<void> {
    const { name } = this;
    const backend = this.#backend;
    const given = yield* wait(backend.upload([value]));
    const made = [...given];
    try {
      made.push(...(yield* this.#swap(given)));
      if (!sameBytes((yield* this.read()).data, value.data)) {
        throw flaw(
          `after set, get of "${name}" returns other values`,
          'Both must use the tensor that the model computes with, in its dtype, and ask for it ' +
            'each time.',
        );
      }
      yield* this.#requireIntact(given, value);
      yield* disposeAll(backend, made.splice(0));
      yield* this.#requireOwn(value);
    } catch (error) {
      yield* attempt(disposeAll(backend, made));
      throw error;
    }
  }

  /** Puts back what the parameter held, after a flaw was found that `get` may have too. */
  *putBack(value: HostTensor): Steps<void> {
    const tensors = yield* wait(this.#backend.upload([value]));
    try {
      yield* wait(this.#parameter.set(tensors[0] as T));
    } catch (error) {
      // A set that always fails has changed nothing.
      if (!sameBytes((yield* this.read()).data, value.data)) throw error;
    } finally {
      // A model that keeps the tensor computes with it from now on.
      if (!this.#isKeeping) yield* attempt(disposeAll(this.#backend, tensors));
    }
  }

  *#swap(tensors: readonly T[]): Steps<readonly T[]> {
    try {
      return yield* wait(this.#backend.swap([this.#parameter], tensors));
    } catch (error) {
      throw flaw(
        `set of "${this.name}" fails`,
        'It must take any tensor of the dtype and shape that get returns.',
        error,
      );
    }
  }

  /** Throws if `set` has changed or disposed of the tensor that it was given. */
  *#requireIntact(given: readonly T[], value: HostTensor): Steps<void> {
    let after: readonly HostTensor[];
    try {
      after = yield* wait(this.#backend.download(given));
    } catch (error) {
      throw flaw(
        `set of "${this.name}" disposes of the tensor that it is given`,
        'The tensor belongs to the caller.',
        error,
      );
    }
    if (sameBytes(after[0]?.data, value.data)) return;
    throw flaw(
      `set of "${this.name}" changes the tensor that it is given`,
      'The tensor belongs to the caller: copy it, or make one more reference to it.',
    );
  }

  /** Throws if the parameter holds the tensor that it was given, which is disposed of now. */
  *#requireOwn(value: HostTensor): Steps<void> {
    const backend = this.#backend;
    // Its memory, if it is free, is used again and overwritten.
    const others = yield* wait(backend.upload([zeros(value), zeros(value)]));
    try {
      if (sameBytes((yield* this.read()).data, value.data)) return;
    } catch {
      // It was disposed of.
    } finally {
      yield* disposeAll(backend, others);
    }
    this.#isKeeping = true;
    throw flaw(
      `set of "${this.name}" keeps the tensor that it is given, whose owner may dispose of it`,
      'Copy it, or make one more reference to it.',
    );
  }
}

/** Takes steps whose failure matters less than the one that led to them. */
function* attempt(steps: Steps<void>): Steps<void> {
  try {
    yield* steps;
  } catch {
    // See above.
  }
}
