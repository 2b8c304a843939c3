// Plain data that were right before they were changed.
import { types } from 'node:util';
import * as fc from 'fast-check';
import { buried, ODD_ARRAYS, ODD_VALUES, throwOwn } from './odd-values.js';

const KINDS = {
  odd: 8,
  array: 3,
  drop: 3,
  add: 3,
  rename: 2,
  move: 3,
  cycle: 1,
  bury: 1,
  reclass: 2,
  throwing: 1,
  turning: 3,
  proxy: 2,
} as const;

const KEYS: readonly PropertyKey[] = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'then',
  'toJSON',
  'length',
  '0',
  '-1',
  '4294967295',
  '',
  'odd',
  '$tensor',
  'data',
  'swa',
  'w',
  'x'.repeat(300),
  Symbol('s'),
  Symbol.toPrimitive,
  Symbol.toStringTag,
];

/** One change of data; which depends on what they are. */
export interface Change {
  readonly kind: keyof typeof KINDS;
  /** Where: the index of a place, modulo their number. */
  readonly at: number;
  /** Another place. */
  readonly to: number;
  /** Which odd value, array or key. */
  readonly which: number;
  /** How many reads pass before a getter or a proxy shows what it is. */
  readonly reads: number;
}

// Without a bias to small numbers, which would be the same few places.
const anyIndex = fc.noBias(fc.nat(2 ** 20 - 1));

/** A few changes. */
export const anyChanges: fc.Arbitrary<readonly Change[]> = fc.array(
  fc.record({
    kind: fc.oneof(
      ...Object.entries(KINDS).map(([kind, weight]) => ({
        weight,
        arbitrary: fc.constant(kind as keyof typeof KINDS),
      })),
    ),
    at: anyIndex,
    to: anyIndex,
    which: anyIndex,
    reads: fc.nat(6),
  }),
  { minLength: 1, maxLength: 3 },
);

type Path = readonly PropertyKey[];
type Container = Record<PropertyKey, unknown>;

/**
 * `data` after changes. What was given is not changed.
 *
 * @param data - plain data, and functions
 * @param whole - objects that are not looked into
 */
export function changed(
  data: unknown,
  changes: readonly Change[],
  whole: ReadonlySet<unknown> = new Set(),
): unknown {
  return changes.reduce((last, change) => changedOnce(last, change, whole), data);
}

function changedOnce(root: unknown, change: Change, opaque: ReadonlySet<unknown>): unknown {
  const { kind, at, to, which } = change;
  const places = [...placesOf(root, opaque)];
  const path = places[at % places.length] ?? [];
  const other = places[to % places.length] ?? [];
  const node = nodeAt(root, path);
  const key = KEYS[which % KEYS.length] ?? '';
  switch (kind) {
    case 'odd':
      return replaced(root, path, () => ODD_VALUES[which % ODD_VALUES.length]?.());
    case 'array':
      return replaced(root, arrayAmong(root, places, at) ?? path, (value) =>
        ODD_ARRAYS[which % ODD_ARRAYS.length]?.(value),
      );
    case 'move':
      return replaced(root, path, () => nodeAt(root, other));
    case 'bury':
      return replaced(root, path, (value) => buried(value, which % 2 === 0));
    case 'reclass':
      return replaced(root, path, (value) => reclassed(value, which, opaque));
    case 'proxy':
      return replaced(root, path, (value) => proxied(value, change, opaque));
    case 'add':
      return replaced(root, isContainer(node, opaque) ? path : path.slice(0, -1), (value) =>
        isContainer(value, opaque) ? put(copied(value), key, oddOf(change)) : value,
      );
    default:
      return parentReplaced(root, path, opaque, (parent, last) =>
        inParent(parent, last, key, change),
      );
  }
}

/** The changes of a member of `parent`, which is a copy. */
function inParent(parent: Container, last: PropertyKey, key: PropertyKey, change: Change): void {
  const { kind, reads } = change;
  const value = parent[last];
  if (kind === 'cycle') put(parent, last, parent);
  else if (kind === 'drop' || kind === 'rename') {
    Reflect.deleteProperty(parent, last);
    if (kind === 'rename') put(parent, key, value);
  } else {
    const odd = oddOf(change);
    let count = 0;
    const get = (): unknown => {
      count += 1;
      if (count <= reads) return value;
      return kind === 'throwing' ? throwOwn() : odd;
    };
    define(parent, last, { get, enumerable: true, configurable: true });
  }
}

function oddOf({ which }: Change): unknown {
  return ODD_VALUES[(which >> 4) % ODD_VALUES.length]?.();
}

/** The places in data, those of getters and in objects of others excepted. */
function* placesOf(node: unknown, opaque: ReadonlySet<unknown>, path: Path = []): Generator<Path> {
  yield path;
  if (!isContainer(node, opaque) || path.length > 12) return;
  for (const [key, { value }] of Object.entries(Object.getOwnPropertyDescriptors(node)).slice(
    0,
    40,
  )) {
    if (key !== 'length' && value !== undefined) yield* placesOf(value, opaque, [...path, key]);
  }
}

function arrayAmong(root: unknown, places: readonly Path[], at: number): Path | undefined {
  const arrays = places.filter((path) => ArrayBuffer.isView(nodeAt(root, path)));
  return arrays[at % arrays.length];
}

function isContainer(node: unknown, opaque: ReadonlySet<unknown>): node is Container {
  return (
    typeof node === 'object' &&
    node !== null &&
    !types.isProxy(node) &&
    !ArrayBuffer.isView(node) &&
    !opaque.has(node)
  );
}

function nodeAt(root: unknown, path: Path): unknown {
  return path.reduce((node, key) => (node as Container)[key], root);
}

/** `root` with another value at `path`; the objects on the way are copies. */
function replaced(root: unknown, path: Path, make: (value: unknown) => unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return make(root);
  const copy = copied(root as Container);
  return put(copy, key, replaced(copy[key], rest, make));
}

function parentReplaced(
  root: unknown,
  path: Path,
  opaque: ReadonlySet<unknown>,
  change: (parent: Container, last: PropertyKey) => void,
): unknown {
  const last = path.at(-1);
  if (last === undefined) return root;
  return replaced(root, path.slice(0, -1), (parent) => {
    if (!isContainer(parent, opaque)) return parent;
    const copy = copied(parent);
    change(copy, last);
    return copy;
  });
}

function copied(node: Container): Container {
  const copy = (Array.isArray(node) ? [] : Object.create(Object.getPrototypeOf(node))) as Container;
  return Object.defineProperties(copy, Object.getOwnPropertyDescriptors(node));
}

/** Not an assignment, which would set a prototype or call a setter. */
function put(node: Container, key: PropertyKey, value: unknown): Container {
  return define(node, key, { value, enumerable: true, configurable: true, writable: true });
}

function define(node: Container, key: PropertyKey, descriptor: PropertyDescriptor): Container {
  // Not all can be defined: an array has no length that is not one.
  try {
    return Object.defineProperty(node, key, descriptor);
  } catch {
    return node;
  }
}

/** The object as one of another class, or what inherits from it. */
function reclassed(value: unknown, which: number, opaque: ReadonlySet<unknown>): unknown {
  if (!isContainer(value, opaque)) return value;
  const { length } = value;
  const isLong = typeof length === 'number' && length > 1000;
  if (which % 3 === 0 || isLong) return Object.create(value);
  if (Array.isArray(value)) return Object.setPrototypeOf(copied(value), OwnArray.prototype);
  return Object.setPrototypeOf(copied(value), which % 3 === 1 ? null : PROTOTYPE);
}

class OwnArray extends Array {}

const PROTOTYPE: object = {
  get odd() {
    return throwOwn();
  },
};

/** A proxy that passes all on; or that throws, or has other values, after some reads. */
function proxied(value: unknown, change: Change, opaque: ReadonlySet<unknown>): unknown {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return value;
  if (ArrayBuffer.isView(value) || opaque.has(value)) return value;
  const mode = change.which % 3;
  let count = 0;
  const isTurned = (): boolean => {
    count += 1;
    if (mode === 0 && count > change.reads) throwOwn();
    return mode === 1 && count > change.reads;
  };
  return new Proxy(value, {
    get: (target, key) => {
      // Any other answer for a member that cannot be changed is the proxy's own error.
      const member = Reflect.getOwnPropertyDescriptor(target, key);
      return member?.configurable === true && isTurned()
        ? oddOf(change)
        : (Reflect.get(target, key) as unknown);
    },
    ownKeys: (target) => (isTurned(), Reflect.ownKeys(target)),
  });
}
