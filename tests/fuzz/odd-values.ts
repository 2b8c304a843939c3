// Values that no place of plain data has, and arrays over memory that is not what it seems.

/** What changed data throw themselves. A call may pass it on. */
export class OwnError extends Error {
  override readonly name = 'OwnError';
}

/** Throws an {@link OwnError}. */
export function throwOwn(): never {
  throw new OwnError('of the input itself');
}

const DEEP = 10_000;

/** A value at the bottom of many lists, or of many records. */
export function buried(value: unknown, isList: boolean): unknown {
  let node = value;
  for (let depth = 0; depth < DEEP; depth += 1) node = isList ? [node] : { deep: node };
  return node;
}

function cyclic(): unknown {
  const list: unknown[] = [];
  list.push(list);
  return list;
}

function withHoles(): unknown {
  const list: unknown[] = [];
  list[2] = 1;
  return list;
}

function detached(data: Float32Array<ArrayBuffer>): unknown {
  structuredClone(data.buffer, { transfer: [data.buffer] });
  return data;
}

/** A buffer of a kind that ES2022 does not know. */
function resizable(byteLength: number): ArrayBuffer & { resize(byteLength: number): void } {
  const options = { maxByteLength: 2 * byteLength };
  return Reflect.construct(ArrayBuffer, [byteLength, options]) as ReturnType<typeof resizable>;
}

function outOfBounds(): unknown {
  const buffer = resizable(16);
  const data = new Float32Array(buffer, 8, 2);
  buffer.resize(4);
  return data;
}

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

/** An object whose methods throw. */
function throwing(...names: readonly PropertyKey[]): unknown {
  return Object.fromEntries(names.map((name) => [name, throwOwn]));
}

/** Odd values, each made anew. */
export const ODD_VALUES: readonly (() => unknown)[] = [
  undefined,
  null,
  true,
  false,
  0,
  -0,
  1,
  -1,
  2,
  0.5,
  NaN,
  Infinity,
  -Infinity,
  1e308,
  5e-324,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  -(2 ** 53),
  5n,
  -1n,
  2n ** 64n,
  Symbol('s'),
  Symbol.iterator,
  '',
  '0',
  '1e9',
  'NaN',
  'odd',
  'float32',
  'swa',
  '__proto__',
  'constructor',
  '\ud800\0',
  'x'.repeat(5000),
]
  .map((value) => () => value)
  .concat([
    () => [],
    () => [null],
    () => [[]],
    () => ['w'],
    () => [-1],
    () => [2 ** 53],
    () => [2 ** 20, 2 ** 20],
    () => Object.assign([], { length: 2 ** 32 - 1 }),
    withHoles,
    cyclic,
    () => buried(1, true),
    () => buried(1, false),
    () => ({}),
    () => ({ odd: null }),
    () => ({ length: 2 ** 40 }),
    () => ({ dtype: 'float32', shape: [2 ** 40], data: new Float32Array(1) }),
    () => ({ dtype: 'int64', shape: [], data: BigInt64Array.of(2n ** 62n) }),
    () => Object.create(null),
    () => JSON.parse('{"__proto__": {"odd": 1}, "constructor": {"prototype": {"odd": 1}}}'),
    () => throwing('toString', 'valueOf', 'toJSON'),
    () => ({ toString: () => ({}), valueOf: () => ({}) }),
    () => throwing('then'),
    () => throwing(Symbol.iterator, Symbol.asyncIterator),
    () => throwOwn,
    () => () => undefined,
    () => () => Symbol('s'),
    () => () => 5n,
    () => () => NaN,
    () => class extends Object {},
    () => new (class Odd extends Object {})(),
    () => new Date(0),
    () => new Map([['w', 1]]),
    () => /odd/,
    () => new Error('odd'),
    () => new String('w'),
    () => Promise.resolve(1),
    revoked,
    () => new ArrayBuffer(8),
    () => new DataView(new ArrayBuffer(8)),
  ]);

/** Typed arrays in place of `data`, which may be any value. */
export const ODD_ARRAYS: readonly ((data: unknown) => unknown)[] = [
  (data) => detached(floatsOf(data)),
  outOfBounds,
  (data) => Float32Array.from([...floatsOf(data), 1]),
  (data) => floatsOf(data).slice(1),
  (data) => Float64Array.from(floatsOf(data)),
  (data) => Float32Array.from(floatsOf(data)),
  (data) => Int32Array.from(floatsOf(data)),
  (data) => BigInt64Array.from(floatsOf(data), (value) => BigInt(Math.trunc(value) || 0)),
  (data) => new Uint8ClampedArray(floatsOf(data)),
  (data) => floatsOf(data).fill(NaN),
  (data) => floatsOf(data).fill(-Infinity),
  (data) => floatsOf(data).fill(3e38),
  (data) => floatsOf(data).fill(-0),
  (data) => shared(floatsOf(data)),
  (data) => new Float32Array(resizable(64), 4, floatsOf(data).length),
  (data) => new (class Own extends Float32Array {})(floatsOf(data)),
  (data) => [...floatsOf(data)],
  (data) => Object.assign(floatsOf(data), { odd: 1 }),
];

function shared(data: Float32Array): unknown {
  const copy = new Float32Array(new SharedArrayBuffer(data.byteLength));
  copy.set(data);
  return copy;
}

/** The numbers of an array, as a copy; two others where there are too many or none. */
function floatsOf(data: unknown): Float32Array<ArrayBuffer> {
  const isArray = ArrayBuffer.isView(data) && !(data instanceof DataView);
  return isArray && data.byteLength > 0 && data.byteLength < 64
    ? Float32Array.from(data as Uint8Array, Number)
    : Float32Array.of(1, 2);
}
