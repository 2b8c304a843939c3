// Other weights in a model, put in by its parameters, and what the model makes of them.
import { described } from '../arguments.js';
import type { PlaceIdentity } from '../parameter.js';
import type { ParameterList, ParameterSource } from '../parameters/parameter-list.js';
import { quoted } from '../parameters/parameter-list.js';
import { tiesOf } from '../parameters/places.js';
import { wait } from '../steps/steps.js';
import type { Steps } from '../steps/steps.js';
import { formatSpec, isFloating, sameBytes, sameSpec } from '../tensor/tensor.js';
import type { HostTensor } from '../tensor/tensor.js';
import { CALL, flaw } from './flaw.js';
import type { CheckEmbeddingOptions } from './options.js';
import { DISTANCES, otherValues } from './other-values.js';
import { Place } from './place.js';

/** What is tried. */
export interface TrialTerms<T> extends Required<CheckEmbeddingOptions<T>> {
  readonly parameters: ParameterSource<T>;
  readonly list: ParameterList<T>;
}

/** A parameter, and what it held before the trial. */
interface Subject<T> {
  readonly place: Place<T>;
  readonly original: HostTensor;
}

export class Trial<T> {
  readonly #terms: TrialTerms<T>;
  #subjects: readonly Subject<T>[] = [];
  #baseline: Float64Array = new Float64Array();

  constructor(terms: TrialTerms<T>) {
    this.#terms = terms;
  }

  /** Reads the weights and the output, and checks that they stay what they are. */
  *begin(): Steps<void> {
    const { backend, list } = this.#terms;
    const subjects: Subject<T>[] = [];
    for (const entry of list.entries) {
      const place = new Place(backend, entry);
      subjects.push({ place, original: yield* place.read() });
    }
    this.#subjects = subjects;
    this.#requireSameIdentities();
    yield* this.#requireTies(subjects.map(({ original }) => original));
    this.#baseline = yield* this.#output();
    const index = this.#baseline.findIndex((value) => Number.isNaN(value));
    if (index >= 0) {
      throw flaw(
        `the output of predict is NaN at index ${index}, which no weight moves`,
        'Check the input and the weights.',
      );
    }
    if (!sameBytes(yield* this.#output(), this.#baseline)) {
      throw flaw(
        'predict returns another output each time',
        'Run the model on a fixed input, without dropout, and with batch norm as in inference.',
      );
    }
    const changed: Subject<T>[] = [];
    for (const subject of subjects) {
      const { place, original } = subject;
      if (!sameBytes((yield* place.read()).data, original.data)) changed.push(subject);
    }
    if (changed.length === 0) return;
    for (const { place, original } of changed) yield* place.putBack(original);
    const names = changed.map(({ place }) => place.name);
    throw flaw(`predict changes ${quoted(names)}`, 'It must only read the weights.');
  }

  /** Puts other weights into the model, and its own back. */
  *run(): Steps<void> {
    for (const { place, original } of this.#subjects) {
      yield* place.put(original);
      if (sameBytes(yield* this.#output(), this.#baseline)) continue;
      throw flaw(
        `setting "${place.name}" to what its get returns changes the output of predict`,
        'get must not round: declare the dtype of the weights, which is float64 for numbers of ' +
          'JavaScript. And set must write this place only.',
      );
    }
    const unmoved = yield* this.#unmoved();
    for (const { place, original } of this.#subjects) yield* place.put(original);
    this.#requireSameIdentities();
    if (unmoved.length > 0) {
      throw flaw(
        `${quoted(unmoved)} can be set and read back, but do not move the output of predict`,
        'The model computes with other weights, such as a copy, a compiled or a cached form: get ' +
          'and set must use those. If predict does not depend on these parameters, name them in ' +
          'unused.',
      );
    }
    if (sameBytes(yield* this.#output(), this.#baseline)) return;
    throw flaw(
      'all weights are back, but predict returns another output than before',
      'The model keeps something that depends on the weights, such as a cache: set must renew it.',
    );
  }

  /** Puts the weights back, whatever was found. Tries each, even if others fail. */
  *putBack(): Steps<void> {
    const failures: unknown[] = [];
    for (const { place, original } of this.#subjects) {
      try {
        yield* place.putBack(original);
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join('; '));
  }

  /** The names of the parameters that did not move the output, whatever their values. */
  *#unmoved(): Steps<readonly string[]> {
    const { unused } = this.#terms;
    const subjects = this.#subjects;
    let left = [...subjects.entries()].filter(
      ([, { place, original }]) =>
        isFloating(original.dtype) && original.data.length > 0 && !unused.includes(place.name),
    );
    for (const distance of DISTANCES) {
      const others = subjects.map(({ original }, n) => otherValues(original, distance, n));
      for (const [n, { place }] of subjects.entries()) yield* place.put(others[n] as HostTensor);
      yield* this.#requireApart(others);
      yield* this.#requireTies(others);
      yield* this.#putBackIntegers();
      const output = yield* this.#output();
      const still: typeof left = [];
      // All others have other values too, so that a weight of zero hides none of them.
      for (const [n, subject] of left) {
        yield* subject.place.put(subject.original);
        if (sameBytes(yield* this.#output(), output)) still.push([n, subject]);
        yield* subject.place.put(others[n] as HostTensor);
      }
      left = still;
      if (left.length === 0) break;
    }
    return left.map(([, { place }]) => place.name);
  }

  /** A model may fail with other integers, such as indices. */
  *#putBackIntegers(): Steps<void> {
    for (const { place, original } of this.#subjects) {
      if (!isFloating(original.dtype)) yield* place.put(original);
    }
  }

  /** Throws if a parameter no longer holds what it was set to, since another was set after it. */
  *#requireApart(values: readonly HostTensor[]): Steps<void> {
    for (const [n, { place }] of this.#subjects.entries()) {
      if (sameBytes((yield* place.read()).data, values[n]?.data)) continue;
      const culprit = yield* this.#changing(n, values[n] as HostTensor);
      throw flaw(
        `set of ${culprit} changes "${place.name}"`,
        'Parameters of the same weights have the same identity; others share no memory.',
      );
    }
  }

  /** Which parameter changes the n-th when it is set. */
  *#changing(n: number, value: HostTensor): Steps<string> {
    const place = this.#subjects[n]?.place as Place<T>;
    yield* place.put(value);
    for (const other of this.#subjects.slice(n + 1)) {
      yield* other.place.put(other.original);
      if (!sameBytes((yield* place.read()).data, value.data)) return `"${other.place.name}"`;
    }
    return 'other parameters';
  }

  /** Throws if a parameter has the identity of another, but does not hold the same. */
  *#requireTies(values: readonly HostTensor[]): Steps<void> {
    const { backend, list } = this.#terms;
    for (const { parameter, to } of list.tied) {
      const value = values[list.parameters.indexOf(to)] as HostTensor;
      const spec = backend.spec(parameter.get());
      const held = sameSpec(spec, value)
        ? (yield* new Place(backend, { parameter, spec }).read()).data
        : undefined;
      if (sameBytes(held, value.data)) continue;
      throw flaw(
        `"${parameter.name}" has the identity of "${to.name}", but is not the same weights ` +
          `(${formatSpec(spec)} and ${formatSpec(value)})`,
        'It would not be averaged. Give each place an identity of its own.',
      );
    }
  }

  /** Throws if a parameter has another identity than when the check began. */
  #requireSameIdentities(): void {
    const { list, parameters } = this.#terms;
    const now = typeof parameters === 'function' ? parameters() : parameters;
    for (const [n, { place, original }] of this.#subjects.entries()) {
      const parameter = now.find(({ name }) => name === place.name);
      const identity = list.identities[n];
      const isSame = identity && parameter && isOnePlace(identity, parameter.identity);
      // An empty stretch of memory shares nothing, not even with itself.
      if (isSame === true || original.data.length === 0) continue;
      throw flaw(
        `"${place.name}" has another identity than before`,
        'Use an object that lives as long as the place, and is the same for whoever asks: not ' +
          'the tensor that set replaces.',
      );
    }
  }

  *#output(): Steps<Float64Array> {
    const output: unknown = yield* wait(this.#terms.predict());
    const values = output as ArrayLike<unknown> | null | undefined;
    if (typeof values !== 'object' || !((values?.length ?? 0) > 0)) {
      throw new TypeError(
        `${CALL}: predict returned ${described(output)}, expected an array of numbers that is ` +
          'not empty.',
      );
    }
    return Float64Array.from(values as ArrayLike<unknown>, (value, index) => {
      if (typeof value === 'number') return value;
      throw new TypeError(
        `${CALL}: predict returned an array with ${described(value)} at index ${index}, ` +
          'expected a number. Flatten it.',
      );
    });
  }
}

function isOnePlace(a: PlaceIdentity, b: PlaceIdentity): boolean {
  return tiesOf([a, b]).firsts[1] === 0;
}
