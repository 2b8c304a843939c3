// The parameters of one group as they are averaged: which ones, of what spec, and their live
// tensors.
import { described } from '../arguments.js';
import type { Backend } from '../backend.js';
import { PolyakError } from '../error.js';
import { isMemoryRange } from '../parameter.js';
import type { Parameter, PlaceIdentity } from '../parameter.js';
import { formatSpec, isHalf, sameSpec } from '../tensor/tensor.js';
import type { TensorSpec } from '../tensor/tensor.js';
import type { Warn } from '../steps/warn.js';
import { tiesOf } from './places.js';

/** A parameter with the dtype and shape that it has, and those of its average. */
export interface AveragedParameter<T> {
  readonly parameter: Parameter<T>;
  readonly spec: TensorSpec;
  /** The same, but float32 where `spec` is half precision: too coarse to hold an average. */
  readonly averageSpec: TensorSpec;
}

/** A parameter, and the one with the same storage that is averaged in its place. */
export interface TiedParameter<T> {
  readonly parameter: Parameter<T>;
  readonly to: Parameter<T>;
}

/** The parameters of a model, or what gives them anew at each update. */
export type ParameterSource<T> = readonly Parameter<T>[] | (() => readonly Parameter<T>[]);

export class ParameterList<T> {
  readonly #backend: Backend<T>;
  readonly #source: ParameterSource<T>;
  /** What the source gave when this list was made. */
  readonly #all: readonly Parameter<T>[];
  /** What is averaged, in the order of the source. */
  readonly entries: readonly AveragedParameter<T>[];
  /** Parameters whose storage an earlier one has, here or in an earlier list. */
  readonly tied: readonly TiedParameter<T>[];

  /**
   * @param earlier - the lists before this one, whose parameters are not averaged again
   * @throws PolyakError `ERR_PARAMETERS`, `ERR_UNSUPPORTED`
   */
  constructor(
    backend: Backend<T>,
    source: ParameterSource<T>,
    earlier: readonly ParameterList<T>[] = [],
  ) {
    this.#backend = backend;
    this.#source = source;
    this.#all = [...current(source)];
    this.#all.forEach(requireParameter);
    const known = earlier.flatMap((list) => list.#all);
    const { own, tied } = separated(known, this.#all);
    this.tied = tied;
    this.entries = own.map((parameter) => averagedParameter(backend, parameter));
  }

  get parameters(): readonly Parameter<T>[] {
    return this.entries.map(({ parameter }) => parameter);
  }

  get names(): readonly string[] {
    return this.entries.map(({ parameter }) => parameter.name);
  }

  get identities(): readonly PlaceIdentity[] {
    return this.entries.map(({ parameter }) => parameter.identity);
  }

  /** Refuses a model that is no longer the one this list was made for, naming what has changed. */
  check(call: string): void {
    const now = current(this.#source);
    if (isUnchanged(this.#all, now)) return;
    const [before, after] = [byName(this.#all), byName(now)];
    const added = [...after.keys()].filter((name) => !before.has(name));
    const gone = [...before.keys()].filter((name) => !after.has(name));
    const replaced = [...after].filter(([name, { identity }]) => {
      const old = before.get(name);
      return old !== undefined && !isSamePlace(old.identity, identity);
    });
    const changes = [
      ...(added.length > 0 ? [`${quoted(added)} not averaged so far`] : []),
      ...(gone.length > 0 ? [`${quoted(gone)} gone`] : []),
      ...(replaced.length > 0
        ? [`${quoted(replaced.map(([name]) => name))} now another tensor`]
        : []),
    ];
    throw new PolyakError(
      'ERR_PARAMETERS',
      `${call}: the parameters are not those that are averaged: ` +
        `${changes.length > 0 ? changes.join('; ') : 'their order has changed'}. ` +
        'Add new ones with addParamGroup; for another model, make a new average.',
    );
  }

  /** The live tensors, refused where a shape or a dtype has changed. */
  live(call: string): readonly T[] {
    this.check(call);
    return this.entries.map(({ parameter, spec }) => {
      const tensor = parameter.get();
      const found = specOf(this.#backend, `${call}: "${parameter.name}"`, tensor);
      if (sameSpec(found, spec)) return tensor;
      throw new PolyakError(
        'ERR_PARAMETERS',
        `${call}: "${parameter.name}" is ${formatSpec(found)}, its average ${formatSpec(spec)}. ` +
          `Pass the same model's parameters or make a new average.`,
      );
    });
  }
}

/** Warns of a list in which there is nothing. */
export function warnIfEmpty(what: string, names: readonly string[], warn: Warn): void {
  if (names.length > 0) return;
  warn(`${what}: there are no parameters, so nothing is averaged. Pass those of the model.`);
}

/** Refuses options that are none, and a backend that is none. */
export function requireBackend<T>(what: string, options: { readonly backend: Backend<T> }): void {
  // What JavaScript passes may be anything.
  const given = options as { readonly backend?: Partial<Backend<T>> } | null | undefined;
  if (typeof given?.backend?.average === 'function') return;
  throw new TypeError(
    `${what}: the options have no backend. Pass one, such as { backend: cpuBackend() }.`,
  );
}

/**
 * The dtype and shape of `tensor`.
 *
 * @param what - the tensor, for the message
 * @throws TypeError where it is none
 */
export function specOf<T>(backend: Backend<T>, what: string, tensor: T): TensorSpec {
  // What JavaScript passes may be anything.
  const given: unknown = tensor;
  const spec = given === undefined || given === null ? undefined : backend.spec(tensor);
  if (typeof spec?.dtype === 'string' && Array.isArray(spec.shape)) return spec;
  throw new TypeError(
    `${what} is ${described(given)}, expected a tensor of the backend ${backend.name}.`,
  );
}

// As many names as a person reads in one message.
const MAX_QUOTED = 20;

/** Names as messages give them. */
export function quoted(names: readonly string[]): string {
  const listed = names.slice(0, MAX_QUOTED).map((name) => `"${name}"`);
  const rest = names.length - listed.length;
  return [...listed, ...(rest > 0 ? [`and ${rest} more`] : [])].join(', ');
}

function current<T>(source: ParameterSource<T>): readonly Parameter<T>[] {
  const parameters = typeof source === 'function' ? source() : source;
  if (Array.isArray(parameters)) return parameters as readonly Parameter<T>[];
  throw new TypeError(
    `The parameters are ${described(parameters)}. Expected an array, such as [parameter(...)] or ` +
      'modelParameters(model), or a function that returns one.',
  );
}

function requireParameter<T>(parameter: Parameter<T>, index: number): void {
  // What JavaScript passes may be anything.
  const given: unknown = parameter;
  const { name, get, set, identity } = (given ?? {}) as Partial<Parameter<T>>;
  if (typeof name === 'string' && typeof get === 'function' && typeof set === 'function') {
    if (isIdentity(identity)) return;
  }
  throw new TypeError(
    `Parameter ${index} is no { name, identity, get, set }. ` +
      'Make it with the backend, such as parameter() or modelParameters().',
  );
}

function isIdentity(identity: unknown): identity is PlaceIdentity {
  if (typeof identity === 'function') return true;
  if (typeof identity !== 'object' || identity === null) return false;
  if (!isMemoryRange(identity)) return true;
  const { memory, byteOffset, byteLength } = identity;
  const isMemory = typeof memory === 'object' && (memory as unknown) !== null;
  return isMemory && byteOffset >= 0 && byteLength >= 0;
}

function isUnchanged<T>(a: readonly Parameter<T>[], b: readonly Parameter<T>[]): boolean {
  return (
    a.length === b.length &&
    a.every((parameter, index) => {
      const other = b[index] as Parameter<T>;
      if (parameter === other) return true;
      return parameter.name === other.name && isSamePlace(parameter.identity, other.identity);
    })
  );
}

function isSamePlace(a: PlaceIdentity, b: PlaceIdentity): boolean {
  if (a === b) return true;
  return (
    isMemoryRange(a) &&
    isMemoryRange(b) &&
    a.memory === b.memory &&
    a.byteOffset === b.byteOffset &&
    a.byteLength === b.byteLength
  );
}

function byName<T>(parameters: readonly Parameter<T>[]): ReadonlyMap<string, Parameter<T>> {
  return new Map(parameters.map((parameter) => [parameter.name, parameter]));
}

/** `params` apart from those whose storage is that of a known one or of an earlier one. */
function separated<T>(
  known: readonly Parameter<T>[],
  params: readonly Parameter<T>[],
): { readonly own: readonly Parameter<T>[]; readonly tied: readonly TiedParameter<T>[] } {
  const all = [...known, ...params];
  const { firsts, overlap } = tiesOf(all.map(({ identity }) => identity));
  if (overlap !== undefined) {
    throw new PolyakError(
      'ERR_PARAMETERS',
      `${quoted(overlap.map((index) => (all[index] as Parameter<T>).name))} share a part of ` +
        'their memory. Tied parameters share all of it, others none.',
    );
  }
  const owners = new Map<string, number>();
  const own: Parameter<T>[] = [];
  const tied: TiedParameter<T>[] = [];
  for (const [index, parameter] of all.entries()) {
    const first = firsts[index] as number;
    if ((owners.get(parameter.name) ?? first) !== first) {
      throw new PolyakError(
        'ERR_PARAMETERS',
        `Two parameters are named "${parameter.name}". Names key the averages: give each its own.`,
      );
    }
    owners.set(parameter.name, first);
    if (index < known.length) continue;
    if (first === index) own.push(parameter);
    else tied.push({ parameter, to: all[first] as Parameter<T> });
  }
  return { own, tied };
}

function averagedParameter<T>(backend: Backend<T>, parameter: Parameter<T>): AveragedParameter<T> {
  const spec = specOf(backend, `"${parameter.name}"`, parameter.get());
  const isNarrow = isHalf(spec.dtype);
  if (backend.dtypes.includes(spec.dtype) && (!isNarrow || backend.cast !== undefined)) {
    return { parameter, spec, averageSpec: isNarrow ? { ...spec, dtype: 'float32' } : spec };
  }
  const dtypes = backend.dtypes.filter((dtype) => dtype !== spec.dtype);
  throw new PolyakError(
    'ERR_UNSUPPORTED',
    `"${parameter.name}" is ${formatSpec(spec)}; the backend ${backend.name} takes ` +
      `${dtypes.join(', ')}.`,
  );
}
