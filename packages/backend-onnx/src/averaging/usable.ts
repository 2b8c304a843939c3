// Refuses tensors that ORT cannot use here. It would abort the process.
import { PolyakError } from '@polyak/core';
import { formatSpec } from '@polyak/core/interfaces';
import type { Tensor } from 'onnxruntime-node';
import { isTensor, specOf } from '../dtype.js';

/** Where a backend's tensors lie. */
export interface TensorPlace {
  /** The backend's name, for messages. */
  readonly name: string;
  /** In words, for messages. */
  readonly place: string;
  /** Whether a tensor of this location is one of these; all others would bring ORT down. */
  holds(location: Tensor['location']): boolean;
}

/**
 * Refuses what is no tensor, was disposed of, or lies where the provider does not compute: ORT
 * would abort the process.
 *
 * @param call - the method, for the message
 * @param tensors - what it was given
 * @param backend - where its tensors lie
 * @param nameOf - what messages call the n-th
 * @throws TypeError, PolyakError `ERR_DISPOSED`, `ERR_PARAMETERS`
 */
export function requireUsable(
  call: string,
  tensors: readonly Tensor[],
  backend: TensorPlace,
  nameOf: (index: number) => string = (index) => `tensor ${index}`,
): void {
  tensors.forEach((tensor, index) => {
    if (!isTensor(tensor)) {
      throw new TypeError(`${call}: ${nameOf(index)} is ${typeof tensor}, expected an ort.Tensor.`);
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
      `${call}: ${what} has the location "${location}", the backend ${backend.name} takes ` +
        `tensors in ${backend.place}. Use the backend of the provider that runs the model, or ` +
        'upload a copy.',
    );
  });
}
