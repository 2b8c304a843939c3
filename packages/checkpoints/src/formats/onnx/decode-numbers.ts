// Decodes elements that a model holds one by one, such as float16 in the field int32_data.
import type { TensorMessage } from './scan.js';
import { TENSOR } from './tensor-fields.js';
import type { WireReader } from './wire.js';
import { forEachVarint, WIRE } from './wire.js';

/**
 * Decodes the data of a tensor to what raw data would be.
 *
 * @param reader - of the .onnx file
 * @param tensor - with its data in a field of numbers
 * @param size - the bytes of an element: 1, 2, 4 or 8
 * @param target - filled, little-endian
 * @throws RangeError where there are more or fewer elements, or one is out of range
 */
export async function decodeNumbers(
  reader: WireReader,
  tensor: TensorMessage,
  size: number,
  target: Uint8Array,
): Promise<void> {
  const number = tensor.data?.number;
  const isFixed = number === TENSOR.floatData || number === TENSOR.doubleData;
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  let filled = 0;
  const reserve = (length: number): number => {
    const at = filled;
    filled += length;
    if (filled > target.byteLength) throw lengthError(target.byteLength / size, 'more');
    return at;
  };
  const take = (low: number, high: number): void => {
    const at = reserve(size);
    if (size === 8) view.setUint32(at + 4, high, true);
    else if (!isInRange(low, high, size)) {
      throw new RangeError(`an element out of range at index ${at / size}. Export it again`);
    }
    if (size === 1) view.setUint8(at, low & 0xff);
    else if (size === 2) view.setUint16(at, low & 0xffff, true);
    else view.setUint32(at, low, true);
  };
  for (let at = tensor.begin; at < tensor.end;) {
    if (!reader.isLoaded(at)) await reader.load(at);
    const { number: found, wireType, begin, end } = reader.next(at, tensor.end);
    at = end;
    if (found !== number) continue;
    const single = isFixed ? (size === 4 ? WIRE.fixed32 : WIRE.fixed64) : WIRE.varint;
    if (wireType !== WIRE.delimited && wireType !== single) {
      throw new SyntaxError(`a field ${found} of wire type ${wireType}`);
    }
    const bytes = await reader.bytes(begin, end);
    if (isFixed) target.set(bytes, reserve(bytes.byteLength));
    else forEachVarint(bytes, take);
  }
  if (filled < target.byteLength) throw lengthError(target.byteLength / size, 'fewer');
}

function lengthError(expected: number, found: 'more' | 'fewer'): RangeError {
  return new RangeError(
    `${found} elements than the ${expected} that its shape takes. The file is damaged; export it ` +
      'again',
  );
}

/** Whether a number is one of `size` bytes, signed or not. */
function isInRange(low: number, high: number, size: number): boolean {
  const isNegative = high === 2 ** 32 - 1 && low >= 2 ** 31;
  const value = isNegative ? low - 2 ** 32 : high * 2 ** 32 + low;
  return value < 2 ** (8 * size) && value >= -(2 ** (8 * size - 1));
}
