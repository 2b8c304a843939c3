// Tensors of every dtype with arbitrary bits, and a form in which two states are the same text or
// differ.
import * as fc from 'fast-check';
import { arrayOf, elementCount } from '@polyak/core/interfaces';
import type { StateTree } from '@polyak/core';
import type { DType, HostTensor } from '@polyak/core/interfaces';

export const DTYPES: readonly DType[] = [
  'float64',
  'float32',
  'float16',
  'bfloat16',
  'int64',
  'int32',
  'int16',
  'int8',
  'uint64',
  'uint32',
  'uint16',
  'uint8',
  'bool',
];

/**
 * A tensor that holds `bytes`, cut or continued with zeros; a bool takes the lowest bit of each.
 */
export function tensorOfBytes(
  dtype: DType,
  shape: readonly number[],
  bytes: ArrayLike<number>,
): HostTensor {
  const data = new (arrayOf(dtype))(elementCount(shape));
  const target = new Uint8Array(data.buffer);
  target.set(Array.from(bytes).slice(0, target.length));
  if (dtype === 'bool') target.forEach((byte, index) => (target[index] = byte & 1));
  return { dtype, shape, data };
}

export const anyTensor: fc.Arbitrary<HostTensor> = fc
  .record({ dtype: fc.constantFrom(...DTYPES), shape: fc.array(fc.nat(3), { maxLength: 3 }) })
  .chain(({ dtype, shape }) => {
    const length = elementCount(shape) * arrayOf(dtype).BYTES_PER_ELEMENT;
    return fc
      .uint8Array({ minLength: length, maxLength: length })
      .map((bytes) => tensorOfBytes(dtype, shape, bytes));
  });

/** Names that have been trouble somewhere, and any well-formed others. */
export const anyName: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    '__proto__',
    'constructor',
    'toString',
    '',
    '10',
    '9',
    'a/b',
    '$tensor',
    '$',
    'polyak',
    '"\\',
    '\ue000',
  ),
  fc.string({ unit: 'binary' }),
);

/**
 * Every bit of a state as text: dtypes, shapes, kinds of arrays, NaN payloads, -0, keys and their
 * order.
 */
export function canonical(node: StateTree): string {
  if (typeof node === 'number') return Object.is(node, -0) ? '-0' : String(node);
  if (typeof node !== 'object' || node === null) return JSON.stringify(node);
  if (isTensor(node)) {
    const { dtype, shape, data } = node;
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return `${data.constructor.name} ${dtype}[${shape.map(canonical).join()}](${bytes.join()})`;
  }
  if (isList(node)) return `[${node.map(canonical).join()}]`;
  return `{${Object.entries(node)
    .map(([key, child]) => `${JSON.stringify(key)}:${canonical(child)}`)
    .join()}}`;
}

function isTensor(node: StateTree): node is HostTensor {
  return (
    typeof node === 'object' && node !== null && 'data' in node && ArrayBuffer.isView(node.data)
  );
}

function isList(node: StateTree): node is readonly StateTree[] {
  return Array.isArray(node);
}
