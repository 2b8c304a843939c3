// Which tensors a backend has made and not yet disposed of, and which tensors it can work with at
// all.
import { formatSpec, PolyakError } from '@polyak/core';
import type { Tensor } from 'onnxruntime-node';
import { specOf } from '../dtype.js';

/** The tensors of one backend. */
export class Ledger {
  readonly #made = new WeakSet<Tensor>();
  #count = 0;

  /** How many there are. */
  get count(): number {
    return this.#count;
  }

  /** Notes new tensors and returns them. */
  add(tensors: readonly Tensor[]): readonly Tensor[] {
    for (const tensor of tensors) this.#made.add(tensor);
    this.#count += tensors.length;
    return tensors;
  }

  /** Frees a tensor, whoever made it; one that was freed before stays so. */
  dispose(tensor: Tensor): void {
    if (this.#made.delete(tensor)) this.#count -= 1;
    if (tensor.location !== 'none') tensor.dispose();
  }
}

/**
 * Refuses tensors that were disposed of, or that lie where the provider does not compute: ORT would
 * abort the process.
 *
 * @param call - the method, for the message
 * @param tensors - what it was given
 * @param backend - its name, its place and what lies there
 * @param nameOf - what messages call the n-th
 * @throws PolyakError `ERR_DISPOSED`, `ERR_PARAMETERS`
 */
export function requireUsable(
  call: string,
  tensors: readonly Tensor[],
  backend: {
    readonly name: string;
    readonly place: string;
    holds(location: Tensor['location']): boolean;
  },
  nameOf: (index: number) => string = (index) => `tensor ${index}`,
): void {
  tensors.forEach((tensor, index) => {
    const what = `${nameOf(index)}, ${formatSpec(specOf(tensor))},`;
    if (tensor.location === 'none') {
      throw new PolyakError(
        'ERR_DISPOSED',
        `${call}: ${what} was disposed of. Use a tensor before it is disposed of.`,
      );
    }
    if (!backend.holds(tensor.location)) {
      throw new PolyakError(
        'ERR_PARAMETERS',
        `${call}: ${what} has the location "${tensor.location}", the backend ${backend.name} ` +
          `takes tensors in ${backend.place}. Use the backend of the provider that runs the ` +
          'model, or upload a copy.',
      );
    }
  });
}
