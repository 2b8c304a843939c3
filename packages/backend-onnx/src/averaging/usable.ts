// Checks tensors before ONNX Runtime gets them: it would abort the process.
import { PolyakError } from '@polyak/core';
import { formatSpec } from '@polyak/core/interfaces';
import type { Tensor } from 'onnxruntime-node';
import { foundText } from '../arguments.js';
import { isTensor, specOf } from '../dtype.js';

/** The place of a backend's tensors. */
export interface TensorPlace {
  /** The backend's name, for messages. */
  readonly name: string;
  /** The place in words, for messages. */
  readonly place: string;
  /** Whether the backend can use a tensor of this location. */
  holds(location: Tensor['location']): boolean;
}

/**
 * Throws unless all values are live tensors in the place of the backend.
 *
 * @param call - the method, for the message
 * @param tensors - its arguments
 * @param backend - the place of its tensors
 * @param nameOf - the name of the n-th tensor in messages
 * @throws TypeError for a value that is not a tensor
 * @throws PolyakError `ERR_DISPOSED` for a tensor that was disposed of, `ERR_PARAMETERS` for one in
 * another place
 */
export function requireUsable(
  call: string,
  tensors: readonly Tensor[],
  backend: TensorPlace,
  nameOf: (index: number) => string = (index) => `tensor ${index}`,
): void {
  tensors.forEach((tensor, index) => {
    if (!isTensor(tensor)) {
      const found = foundText(tensor);
      throw new TypeError(`${call}: ${nameOf(index)} is ${found}, expected an ort.Tensor.`);
    }
    const { location } = tensor;
    if (backend.holds(location)) return;
    const what = `${nameOf(index)}, ${formatSpec(specOf(tensor))},`;
    if (location === 'none') {
      throw new PolyakError(
        'ERR_DISPOSED',
        `${call}: ${what} was disposed of, expected a live tensor. Dispose after the last use.`,
      );
    }
    throw new PolyakError(
      'ERR_PARAMETERS',
      `${call}: ${what} has the location "${location}", expected a tensor in ${backend.place} ` +
        `for the backend ${backend.name}. Use the backend of the provider that runs the model, ` +
        'or upload a copy.',
    );
  });
}
