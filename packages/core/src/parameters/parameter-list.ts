// The averaged parameters of one group: which ones, their specs, and their live tensors.
import { described, requireArray, requireMembers } from '../arguments.js';
import type { Backend } from '../backend.js';
import { PolyakError } from '../error.js';
import { isMemoryRange } from '../parameter.js';
import type { Parameter, PlaceIdentity } from '../parameter.js';
import { formatSpec, isHalf, sameSpec } from '../tensor/tensor.js';
import type { TensorSpec } from '../tensor/tensor.js';
import type { Warn } from '../steps/warn.js';
import { tiesOf } from './places.js';

/** A parameter with its spec and that of its average. */
export interface AveragedParameter<T> {
  readonly parameter: Parameter<T>;
  readonly spec: TensorSpec;
  /** The same, but float32 for half precision, which is too coarse to hold an average. */
  readonly averageSpec: TensorSpec;
}

/** A parameter, and the one with the same storage that is averaged in its place. */
export interface TiedParameter<T> {
  readonly parameter: Parameter<T>;
  readonly to: Parameter<T>;
}

/** The parameters of a model, or a function that returns them, which is called at each update. */
export type ParameterSource<T> = readonly Parameter<T>[] | (() => readonly Parameter<T>[]);

export class ParameterList<T> {
  readonly #backend: Backend<T>;
  readonly #source: ParameterSource<T>;
  /** The parameters when this list was made. */
  readonly #all: readonly Parameter<T>[];
  /** The averaged parameters, in the order of the source. */
  readonly entries: readonly AveragedParameter<T>[];
  readonly parameters: readonly Parameter<T>[];
  readonly names: readonly string[];
  readonly identities: readonly PlaceIdentity[];
  /** Parameters that share their storage with an earlier one, in this list or an earlier list. */
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
    this.parameters = own;
    this.names = own.map(({ name }) => name);
    this.identities = own.map(({ identity }) => identity);
  }

  /** Throws if the model's parameters are no longer those of this list, naming what has changed. */
  check(call: string): void {
    const now = current(this.#source);
    if (isUnchanged(this.#all, now)) return;
    const [before, after] = [byName(this.#all), byName(now)];
    const added = [...after.keys()].filter((name) => !before.has(name));
    const gone = [...before.keys()].filter((name) => !after.has(name));
    const replaced = [...after.keys()].filter((name) => {
      const [old, own] = [before.get(name), after.get(name)];
      return old !== undefined && own !== undefined && !isSamePlace(old.identity, own.identity);
    });
    const changes = [
      { names: added, what: 'not averaged so far' },
      { names: gone, what: 'gone' },
      { names: replaced, what: 'now another tensor' },
    ].filter(({ names }) => names.length > 0);
    const found = changes.map(({ names, what }) => `${quoted(names)} ${what}`).join('; ');
    throw new PolyakError(
      'ERR_PARAMETERS',
      `${call}: the parameters are not those that are averaged: ` +
        `${found === '' ? 'their order has changed' : found}. ` +
        'Add new ones with addParamGroup; for another model, make a new average.',
    );
  }

  /** The live tensors. Throws if a shape or a dtype has changed. */
  live(call: string): readonly T[] {
    this.check(call);
    return this.entries.map(({ parameter, spec }) => {
      const tensor = parameter.get();
      const found = specOf(this.#backend, `${call}: "${parameter.name}"`, tensor);
      if (sameSpec(found, spec)) return tensor;
      throw new PolyakError(
        'ERR_PARAMETERS',
        `${call}: "${parameter.name}" is ${formatSpec(found)}, its average is ` +
          `${formatSpec(spec)}. Pass the same model's parameters or make a new average.`,
      );
    });
  }
}

/** Warns if there are no parameters. */
export function warnIfEmpty(what: string, names: readonly string[], warn: Warn): void {
  if (names.length > 0) return;
  warn(`${what}: there are no parameters, so nothing is averaged. Pass those of the model.`);
}

/** Throws unless the options have a backend. */
export function requireBackend<T>(what: string, options: { readonly backend: Backend<T> }): void {
  const remedy = 'Pass one, such as { backend: cpuBackend() }.';
  requireMembers(`${what}: the backend`, options.backend, { average: 'a function' }, remedy);
}

/**
 * The dtype and shape of `tensor`.
 *
 * @param what - the name of the tensor, for the message
 * @throws TypeError if `tensor` is not a tensor of the backend
 */
export function specOf<T>(backend: Backend<T>, what: string, tensor: T): TensorSpec {
  // Callers without types may pass anything.
  const given: unknown = tensor;
  const spec = given === undefined || given === null ? undefined : backend.spec(tensor);
  if (typeof spec?.dtype === 'string' && Array.isArray(spec.shape)) return spec;
  throw new TypeError(
    `${what} is ${described(given)}, expected a tensor of the backend ${backend.name}.`,
  );
}

// The most names in one message.
const MAX_QUOTED = 20;

/**
 * A list of names for messages, shortened if it is long.
 *
 * @param names - without quotation marks
 */
export function quoted(names: readonly string[]): string {
  const listed = names.slice(0, MAX_QUOTED).map((name) => `"${name}"`);
  const rest = names.length - listed.length;
  return [...listed, ...(rest > 0 ? [`and ${rest} more`] : [])].join(', ');
}

function current<T>(source: ParameterSource<T>): readonly Parameter<T>[] {
  const parameters = typeof source === 'function' ? source() : source;
  const remedy =
    'Expected an array, such as [parameter(...)] or modelParameters(model), or a function that ' +
    'returns one.';
  requireArray('The parameters are', parameters, remedy);
  return parameters;
}

function requireParameter<T>(parameter: Parameter<T>, index: number): void {
  const remedy = 'Make it with the backend, such as parameter() or modelParameters().';
  const members = { name: 'a name', get: 'a function', set: 'a function' } as const;
  requireMembers(`Parameter ${index}`, parameter, members, remedy);
  const { identity } = parameter;
  if (isIdentity(identity)) return;
  throw new TypeError(
    `Parameter ${index} has the identity ${described(identity)}, expected an object, or ` +
      `{ memory, byteOffset, byteLength }. ${remedy}`,
  );
}

function isIdentity(identity: unknown): identity is PlaceIdentity {
  if (typeof identity !== 'object' || identity === null) return typeof identity === 'function';
  if (!isMemoryRange(identity)) return true;
  const { memory, byteOffset, byteLength } = identity;
  const isMemory = typeof memory === 'object' && (memory as unknown) !== null;
  return isMemory && byteOffset >= 0 && byteLength >= 0;
}

function isUnchanged<T>(a: readonly Parameter<T>[], b: readonly Parameter<T>[]): boolean {
  if (a.length !== b.length) return false;
  return a.every((parameter, index) => {
    const other = b[index] as Parameter<T>;
    const isSameName = parameter.name === other.name;
    return parameter === other || (isSameName && isSamePlace(parameter.identity, other.identity));
  });
}

function isSamePlace(a: PlaceIdentity, b: PlaceIdentity): boolean {
  if (a === b || !isMemoryRange(a) || !isMemoryRange(b)) return a === b;
  const isSameStart = a.memory === b.memory && a.byteOffset === b.byteOffset;
  return isSameStart && a.byteLength === b.byteLength;
}

function byName<T>(parameters: readonly Parameter<T>[]): ReadonlyMap<string, Parameter<T>> {
  return new Map(parameters.map((parameter) => [parameter.name, parameter]));
}

/** Separates `params` from those that share their storage with a known or an earlier parameter. */
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
        'their memory. Two parameters may share all of it or none.',
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
