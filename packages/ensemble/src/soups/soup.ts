// Model soups: means of the weights of several models, from which one can be taken out again.
import { PolyakError } from '@polyak/core';
import type { NamedTensors } from '@polyak/core';
import { arrayOf, canonical, flawOf, isFloating, isHalf } from '@polyak/core/interfaces';
import type { HostTensor } from '@polyak/core/interfaces';
import { allFinite, halfToFloat32, requireFit, specDifferences } from '@polyak/core/kit';
import type { HalfDType } from '@polyak/core/kit';
import { copyOf } from '../copies.js';

/** The sum of one tensor's members: `sum + error`, of about twice the precision of float64. */
interface Sum {
  /** The newest member: gives the spec, and the values where they are integers. */
  newest: HostTensor;
  readonly sum: Float64Array;
  readonly error: Float64Array;
}

/**
 * The weighted mean of the weights of several models with the same names and shapes.
 *
 * Sums are kept in pairs of float64 (Knuth's TwoSum), so that {@link Soup.remove} gives back what
 * the soup was: the mean is that of the members that are left, to the last bit of float32. It takes
 * 16 bytes a weight, whatever the number of members. Half precision comes out as float32; integers
 * are those of the member that was added last, also after it was taken out.
 *
 * @example
 * ```ts
 * import { Soup } from '@polyak/ensemble';
 *
 * const w = (value: number) => {
 *   const data = Float32Array.of(value);
 *   return { w: { dtype: 'float32', shape: [1], data } as const };
 * };
 * const soup = new Soup().add(w(1)).add(w(3)).add(w(8));
 * console.log(soup.mean()['w'].data[0]); // 4
 * console.log(soup.remove(w(8)).mean()['w'].data[0]); // 2
 * ```
 *
 * @see Wortsman et al. 2022, Model soups, https://arxiv.org/abs/2203.05482
 */
export class Soup {
  readonly #sums = new Map<string, Sum>();
  /** The sum of the members' weights, as a pair as well. */
  #weight = { sum: 0, error: 0 };
  /** The sum of their magnitudes: what of them is left may be nothing but rounding. */
  #magnitude = 0;
  #count = 0;

  /** How many members there are. */
  get count(): number {
    return this.#count;
  }

  /**
   * Adds a member.
   *
   * @param member - all its weights by name, such as `read` of a `ParameterSet` gives; not changed
   * @param weight - how much it weighs, finite; may be negative. Default 1
   * @returns this
   * @throws PolyakError `ERR_STATE` where names, dtypes or shapes differ from those of the members
   *   before, with every difference; `ERR_NON_FINITE` where a value is not finite, or a sum
   *   overflows. The soup is as it was then
   */
  add(member: NamedTensors, weight: number = 1): this {
    const tensors = this.#checked('Soup.add', member, weight);
    const sums = new Map<string, Sum>();
    for (const [name, tensor] of tensors) {
      const size = isFloating(tensor.dtype) ? tensor.data.length : 0;
      const { sum, error } = this.#sums.get(name) ?? {
        sum: new Float64Array(size),
        error: new Float64Array(size),
      };
      sums.set(name, { newest: isFloating(tensor.dtype) ? tensor : copyOf(tensor), sum, error });
    }
    requireSums('Soup.add', tensors, sums, weight);
    for (const [name, sum] of sums) this.#sums.set(name, sum);
    this.#accumulate(tensors, weight);
    this.#magnitude += Math.abs(weight);
    this.#count += 1;
    return this;
  }

  /**
   * Takes a member out again.
   *
   * @param member - what was added
   * @param weight - with which it was added. Default 1
   * @returns this
   * @throws PolyakError as {@link Soup.add}; `ERR_NO_AVERAGES` where the soup has no member
   */
  remove(member: NamedTensors, weight: number = 1): this {
    if (this.#count === 0)
      throw new PolyakError('ERR_NO_AVERAGES', 'Soup.remove: the soup has no member.');
    const tensors = this.#checked('Soup.remove', member, weight);
    requireSums('Soup.remove', tensors, this.#sums, -weight);
    this.#accumulate(tensors, -weight);
    this.#magnitude -= Math.abs(weight);
    this.#count -= 1;
    if (this.#count === 0) {
      this.#sums.clear();
      this.#weight = { sum: 0, error: 0 };
      this.#magnitude = 0;
    }
    return this;
  }

  /**
   * The mean of the members by their weights, rounded once.
   *
   * @returns new tensors
   * @throws PolyakError `ERR_NO_AVERAGES` where there is no member; `ERR_STATE` where the weights
   *   sum up to 0; `ERR_NON_FINITE` where a mean overflows
   */
  mean(): NamedTensors {
    if (this.#count === 0)
      throw new PolyakError('ERR_NO_AVERAGES', 'Soup.mean: the soup has no member.');
    const total = this.#weight.sum + this.#weight.error;
    if (Math.abs(total) <= 1e-12 * this.#magnitude) {
      throw new PolyakError('ERR_STATE', 'Soup.mean: the weights of the members sum up to 0.');
    }
    return Object.fromEntries(
      [...this.#sums].map(([name, { newest, sum, error }]): [string, HostTensor] => {
        const { shape } = newest;
        if (!isFloating(newest.dtype)) return [name, copyOf(newest)];
        const dtype = newest.dtype === 'float64' ? 'float64' : 'float32';
        const data = new (arrayOf(dtype) as Float64ArrayConstructor)(sum.length);
        for (let i = 0; i < sum.length; i += 1)
          data[i] = ((sum[i] as number) + (error[i] as number)) / total;
        const mean: HostTensor = { dtype, shape, data };
        if (allFinite(dtype, data)) return [name, mean];
        throw new PolyakError(
          'ERR_NON_FINITE',
          `Soup.mean: the mean of "${name}" overflows ${dtype}.`,
        );
      }),
    );
  }

  #accumulate(tensors: readonly (readonly [string, HostTensor])[], weight: number): void {
    for (const [name, tensor] of tensors) {
      const sum = this.#sums.get(name);
      if (sum !== undefined) accumulate(sum, tensor, weight);
    }
    const { sum, error } = this.#weight;
    const next = sum + weight;
    const added = next - sum;
    this.#weight = { sum: next, error: error + (sum - (next - added)) + (weight - added) };
  }

  #checked(
    call: string,
    member: NamedTensors,
    weight: number,
  ): readonly (readonly [string, HostTensor])[] {
    if (!Number.isFinite(weight)) {
      throw new RangeError(`${call}: weight is ${weight}, expected a finite number.`);
    }
    const tensors = Object.entries(member).map(
      ([name, tensor]) => [name, canonical(tensor)] as const,
    );
    const flaws = tensors.flatMap(([name, tensor]) => {
      const flaw = flawOf(tensor);
      return flaw === undefined ? [] : [`"${name}" ${flaw}`];
    });
    const others = new Map([...this.#sums].map(([name, { newest }]) => [name, newest]));
    const sides = { found: 'it', expected: 'the soup' };
    const differences = this.#count === 0 ? [] : specDifferences(new Map(tensors), others, sides);
    requireFit([...flaws, ...differences], { code: 'ERR_STATE', call, what: 'the member' });
    const bad = tensors.filter(([, { dtype, data }]) => !allFinite(dtype, data));
    if (bad.length === 0) return tensors;
    const names = bad.map(([name]) => `"${name}"`).join(', ');
    throw new PolyakError('ERR_NON_FINITE', `${call}: NaN or an infinity in ${names}.`);
  }
}

/** Refuses what would make a sum overflow: nothing could be taken out of it again. */
function requireSums(
  call: string,
  tensors: readonly (readonly [string, HostTensor])[],
  sums: ReadonlyMap<string, Sum>,
  weight: number,
): void {
  for (const [name, tensor] of tensors) {
    const sum = sums.get(name)?.sum;
    if (sum === undefined || !isFloating(tensor.dtype)) continue;
    const values = floatsOf(tensor);
    const isIn = sum.every((old, i) => Number.isFinite(old + (values[i] as number) * weight));
    if (isIn) continue;
    throw new PolyakError('ERR_NON_FINITE', `${call}: the sum of "${name}" overflows.`);
  }
}

/** `sum += weight * tensor`, with the rounding errors of the sum. */
function accumulate({ sum, error }: Sum, tensor: HostTensor, weight: number): void {
  if (!isFloating(tensor.dtype)) return;
  const values = floatsOf(tensor);
  for (let i = 0; i < sum.length; i += 1) {
    const term = (values[i] as number) * weight;
    const old = sum[i] as number;
    const next = old + term;
    const added = next - old;
    error[i] = (error[i] as number) + (old - (next - added)) + (term - added);
    sum[i] = next;
  }
}

function floatsOf({ dtype, data }: HostTensor): Float32Array | Float64Array {
  if (isHalf(dtype)) return halfToFloat32(dtype as HalfDType, data as Uint16Array);
  return data as Float32Array | Float64Array;
}
