// Which tensors a backend has made and not yet disposed of, and which tensors it can work with at
// all.
import { elementCount, formatSpec, PolyakError } from '@polyak/core';
import type { Device } from '../device.js';
import { Slice } from './pack.js';
import type { GpujsTensor } from './tensor.js';
import { isDeleted, isTexture, layoutOf } from '../texture.js';

/** The tensors of one backend. A tensor is known by its data: handles are made anew at will. */
export class Ledger {
  readonly #device: Device;
  readonly #made = new WeakSet<GpujsTensor['data']>();
  readonly #disposed = new WeakSet<GpujsTensor['data']>();
  #count = 0;

  constructor(device: Device) {
    this.#device = device;
  }

  /** How many there are. */
  get count(): number {
    return this.#count;
  }

  /** Notes new tensors and returns them. */
  add(tensors: readonly GpujsTensor[]): readonly GpujsTensor[] {
    for (const { data } of tensors) this.#made.add(data);
    this.#count += tensors.length;
    return tensors;
  }

  /**
   * Frees a tensor: deletes its texture, whoever made it, or gives up its place among the packed
   * ones.
   */
  dispose({ data }: GpujsTensor): void {
    if (isTexture(data) && !isDeleted(data)) this.#device.free(data);
    if (!this.#made.delete(data)) return;
    this.#count -= 1;
    this.#disposed.add(data);
    if (data instanceof Slice) data.pack.release();
  }

  /**
   * Refuses tensors that were disposed of, that are not what their shape says, and that lie
   * elsewhere: gpu.js would compute with garbage.
   *
   * @param call - the method, for the message
   * @param tensors - what it was given
   * @param nameOf - what messages call the n-th
   * @throws PolyakError `ERR_DISPOSED`, `ERR_PARAMETERS`, `ERR_UNSUPPORTED`
   */
  requireUsable(
    call: string,
    tensors: readonly GpujsTensor[],
    nameOf: (index: number) => string = (index) => `tensor ${index}`,
  ): void {
    this.#device.requireAlive(call);
    tensors.forEach((tensor, index) => {
      const { data } = tensor;
      const what = `${call}: ${nameOf(index)}, ${formatSpec(tensor)},`;
      if (this.#disposed.has(data) || (isTexture(data) && isDeleted(data))) {
        throw new PolyakError(
          'ERR_DISPOSED',
          `${what} was disposed of. Use a tensor before it is disposed of.`,
        );
      }
      const length = this.#lengthOf(what, data);
      if (length !== elementCount(tensor.shape)) {
        throw new PolyakError(
          'ERR_PARAMETERS',
          `${what} has ${length} elements. Give it the shape that its data has.`,
        );
      }
    });
  }

  #lengthOf(what: string, data: unknown): number {
    if (data instanceof Float32Array) return data.length;
    if (data instanceof Slice && data.pack.device === this.#device) return data.length;
    if (isTexture(data) && this.#device.holds(data))
      return elementCount(layoutOf(data, what).output);
    throw new PolyakError(
      'ERR_PARAMETERS',
      `${what} is neither a Float32Array nor a texture of the GPU that this backend computes on, ` +
        `in the mode ${this.#device.mode}. Make the backend with the GPU that runs the model.`,
    );
  }
}
