// Reads tensors of PyTorch state dicts: counts, and weights in the precision of averages.
import { described } from '../arguments.js';
import { PolyakError } from '../error.js';
import { floatsOf } from '../tensor/half.js';
import type { NamedTensors } from '../state/named-tensors.js';
import { readState } from '../state/read-state.js';
import { isTensor } from '../state/state-tree.js';
import { canonical, flawOf, isHalf } from '../tensor/tensor.js';
import type { HostTensor } from '../tensor/tensor.js';

/** The tensors, each read once. Throws unless they are a record. */
export function readTensors(call: string, tensors: NamedTensors): NamedTensors {
  // Callers without types may pass anything.
  const given: unknown = tensors;
  if (typeof given === 'object' && given !== null && !ArrayBuffer.isView(given))
    return readState(call, tensors) as NamedTensors;
  throw new TypeError(
    `${call}: the tensors are ${described(given)}. Expected tensors by name, such as ` +
      'decodeSafetensors(bytes).tensors.',
  );
}

/** The integer >= 0 in the tensor `name` of one element. */
export function countAt(call: string, tensors: NamedTensors, name: string): number {
  const values = integersAt(call, tensors, name);
  const [value] = values;
  if (value !== undefined && values.length === 1) return value;
  throw new PolyakError(
    'ERR_STATE',
    `${call}: "${name}" has ${values.length} elements, expected one.`,
  );
}

/** The integers >= 0 in the tensor `name`. */
export function integersAt(call: string, tensors: NamedTensors, name: string): readonly number[] {
  const { data } = tensorAt(call, tensors, name);
  const values = data.length === 0 ? [] : Array.from(data, Number);
  if (values.length > 0 && values.every((value) => Number.isSafeInteger(value) && value >= 0))
    return values;
  throw new PolyakError(
    'ERR_STATE',
    `${call}: "${name}" is [${values.slice(0, 8).join(', ')}], expected integers >= 0.`,
  );
}

/** The weights in the tensor `name`; half precision as float32. */
export function weightsAt(call: string, tensors: NamedTensors, name: string): HostTensor {
  const tensor = tensorAt(call, tensors, name);
  const { dtype, shape } = tensor;
  if (!isHalf(dtype)) return tensor;
  return { dtype: 'float32', shape, data: floatsOf(tensor) };
}

function tensorAt(call: string, tensors: NamedTensors, name: string): HostTensor {
  const tensor = Object.hasOwn(tensors, name) ? tensors[name] : undefined;
  if (tensor === undefined || !isTensor(tensor)) {
    throw new PolyakError('ERR_STATE', `${call}: the file has no "${name}".`);
  }
  const whole = canonical(tensor);
  const flaw = flawOf(whole);
  if (flaw !== undefined) throw new PolyakError('ERR_STATE', `${call}: "${name}" ${flaw}.`);
  return whole;
}
