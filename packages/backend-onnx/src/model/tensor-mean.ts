// The weighted mean of one tensor over files that are read one by one.
import { SUM_BLOCK, sumKernels } from '@polyak/backend-cpu/sums';
import type { HalfOrFloatDType, SumKernels } from '@polyak/backend-cpu/sums';
import { arrayOf } from '@polyak/core/interfaces';
import type { HostTensor } from '@polyak/core/interfaces';
import { addToMean, allFinite, finishMean, startMean } from '@polyak/core/kit';
import type { HostMean } from '@polyak/core/kit';

/** `Σₖ shareₖ · tensorₖ`, rounded once. Equal elements give that element, infinities too. */
export interface TensorMean {
  /**
   * Adds the tensor of one file.
   *
   * @param tensor - of the same spec as the others
   * @param share - its weight, > 0
   * @returns false where it has NaN, or an infinity that the others do not have, or lacks one that
   *   they have; the mean is of no use then
   */
  add(tensor: HostTensor, share: number): boolean;

  /**
   * The mean, in new memory.
   *
   * @param total - the sum of all shares, at most 1
   */
  finish(total: number): HostTensor;
}

/** The mean of tensors with the spec of `first`, without any yet. */
export function tensorMean(first: HostTensor): TensorMean {
  return first.dtype === 'float64' ? new MeanOfDoubles() : new SumOfTensors(first);
}

/** In float64 there are no spare digits and no spare exponents: a mean that is updated. */
class MeanOfDoubles implements TensorMean {
  #mean: HostMean | undefined;
  #total = 0;

  add(tensor: HostTensor, share: number): boolean {
    this.#total += share;
    if (this.#mean !== undefined) return addToMean(this.#mean, tensor, share / this.#total);
    this.#mean = startMean(tensor);
    return !this.#mean.mean.includes(NaN);
  }

  finish(): HostTensor {
    return finishMean(this.#mean as HostMean);
  }
}

/** A sum in float64. */
class SumOfTensors implements TensorMean {
  readonly #dtype: HalfOrFloatDType;
  readonly #shape: readonly number[];
  readonly #sums: Float64Array;
  #isEmpty = true;
  #isFinite = true;

  constructor({ dtype, shape, data }: HostTensor) {
    this.#dtype = dtype as HalfOrFloatDType;
    this.#shape = shape;
    // Only -0 leaves all that is added to it as it is, -0 too.
    this.#sums = new Float64Array(data.length).fill(-0);
  }

  add({ dtype, data }: HostTensor, share: number): boolean {
    const isFinite = allFinite(dtype, data);
    const { kernels, sums: block } = (scratch ??= makeScratch());
    const size = data.BYTES_PER_ELEMENT;
    for (let from = 0; from < data.length; from += SUM_BLOCK) {
      const sums = this.#sums.subarray(from, from + SUM_BLOCK);
      const bytes = new Uint8Array(data.buffer, data.byteOffset + size * from, size * sums.length);
      kernels.bytes.set(bytes, VALUES);
      if (!isFinite || !this.#isFinite) {
        kernels.widen(VALUES, this.#dtype, SUMS, sums.length);
        if (!fits(sums, block, this.#isEmpty)) return false;
      }
      block.set(sums);
      kernels.add(SUMS, VALUES, this.#dtype, sums.length, share);
      sums.set(block.subarray(0, sums.length));
    }
    this.#isEmpty = false;
    this.#isFinite &&= isFinite;
    return true;
  }

  finish(total: number): HostTensor {
    const dtype = this.#dtype;
    const data = new (arrayOf(dtype))(this.#sums.length);
    const bytes = new Uint8Array(data.buffer);
    const { kernels, sums: block } = (scratch ??= makeScratch());
    for (let from = 0; from < data.length; from += SUM_BLOCK) {
      const sums = this.#sums.subarray(from, from + SUM_BLOCK);
      for (let i = 0; i < sums.length; i += 1) block[i] = (sums[i] as number) / total;
      kernels.round(SUMS, VALUES, dtype, sums.length);
      const size = data.BYTES_PER_ELEMENT;
      bytes.set(kernels.bytes.subarray(VALUES, VALUES + size * sums.length), size * from);
    }
    return { dtype, shape: this.#shape, data };
  }
}

/** Whether the values have no NaN, and the infinities of the sums. */
function fits(sums: Float64Array, values: Float64Array, isEmpty: boolean): boolean {
  for (let i = 0; i < sums.length; i += 1) {
    const [sum, value] = [sums[i] as number, values[i] as number];
    if (Number.isNaN(value)) return false;
    if (isEmpty || (Number.isFinite(sum) && Number.isFinite(value))) continue;
    if (sum !== value) return false;
  }
  return true;
}

/** Where a block is worked on. */
interface Scratch {
  readonly kernels: SumKernels;
  readonly sums: Float64Array;
}

// Addresses in the scratch. Copies in glibc are slow where the distance of their addresses is just
// above a multiple of 4,096, and large arrays begin 16 bytes after one.
const SUMS = 2048;
const VALUES = SUMS + 8 * SUM_BLOCK;

let scratch: Scratch | undefined;

function makeScratch(): Scratch {
  const kernels = sumKernels(VALUES + 4 * SUM_BLOCK);
  return { kernels, sums: new Float64Array(kernels.bytes.buffer, SUMS, SUM_BLOCK) };
}
