// Model soups: means of the weights of several models, from which one can be taken out again.
import { arrayOf, elementCount, formatSpec, isFloating, PolyakError, sameSpec } from '@polyak/core';
import type { HostTensor, NamedTensors } from '@polyak/core';
import { halfValue, isHalf } from '@polyak/core/internal';

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
   * @param member - all its weights by name, such as `readWeights` gives; not changed
   * @param weight - how much it weighs, finite; may be negative. Default 1
   * @returns this
   * @throws PolyakError `ERR_STATE` where names, dtypes or shapes differ from those of the members
   *   before, with every difference; `ERR_NON_FINITE` where a value is not finite. The soup is as
   *   it was then
   */
  add(member: NamedTensors, weight: number = 1): this {
    this.#check('add', member, weight);
    for (const [name, tensor] of Object.entries(member)) {
      const size = isFloating(tensor.dtype) ? tensor.data.length : 0;
      const entry = this.#sums.get(name);
      const sum = entry ?? {
        newest: tensor,
        sum: new Float64Array(size),
        error: new Float64Array(size),
      };
      if (entry === undefined) this.#sums.set(name, sum);
      sum.newest = isFloating(tensor.dtype) ? tensor : { ...tensor, data: tensor.data.slice() };
      accumulate(sum, tensor, weight);
    }
    this.#weigh(weight);
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
    this.#check('remove', member, weight);
    for (const [name, tensor] of Object.entries(member)) {
      const sum = this.#sums.get(name);
      if (sum !== undefined) accumulate(sum, tensor, -weight);
    }
    this.#weigh(-weight);
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
        if (!isFloating(newest.dtype)) return [name, { ...newest, data: newest.data.slice() }];
        const dtype = newest.dtype === 'float64' ? 'float64' : 'float32';
        const data = new (arrayOf(dtype) as Float64ArrayConstructor)(sum.length);
        for (let i = 0; i < sum.length; i += 1)
          data[i] = ((sum[i] as number) + (error[i] as number)) / total;
        const mean: HostTensor = { dtype, shape, data };
        if (isAllFinite(mean)) return [name, mean];
        throw new PolyakError(
          'ERR_NON_FINITE',
          `Soup.mean: the mean of "${name}" overflows ${dtype}.`,
        );
      }),
    );
  }

  #weigh(weight: number): void {
    const { sum, error } = this.#weight;
    const next = sum + weight;
    const added = next - sum;
    this.#weight = { sum: next, error: error + (sum - (next - added)) + (weight - added) };
  }

  #check(call: string, member: NamedTensors, weight: number): void {
    if (!Number.isFinite(weight)) {
      throw new RangeError(`Soup.${call}: weight is ${weight}, expected a finite number.`);
    }
    const problems = Object.entries(member).flatMap(([name, tensor]) =>
      this.#differences(name, tensor),
    );
    for (const name of this.#sums.keys())
      if (!Object.hasOwn(member, name)) problems.push(`it lacks "${name}"`);
    if (problems.length > 0) {
      throw new PolyakError(
        'ERR_STATE',
        `Soup.${call}: the member does not fit: ${problems.join('; ')}.`,
      );
    }
    const bad = Object.entries(member).filter(([, tensor]) => !isAllFinite(tensor));
    if (bad.length > 0) {
      const names = bad.map(([name]) => `"${name}"`).join(', ');
      throw new PolyakError('ERR_NON_FINITE', `Soup.${call}: NaN or an infinity in ${names}.`);
    }
  }

  #differences(name: string, tensor: HostTensor): readonly string[] {
    if (tensor.data.length !== elementCount(tensor.shape)) {
      return [
        `"${name}" has ${tensor.data.length} elements, its shape [${tensor.shape.join(', ')}] ` +
          'others',
      ];
    }
    if (this.#count === 0) return [];
    const known = this.#sums.get(name)?.newest;
    if (known === undefined) return [`the others have no "${name}"`];
    return sameSpec(known, tensor)
      ? []
      : [`"${name}" is ${formatSpec(tensor)}, the others' ${formatSpec(known)}`];
  }
}

/** `sum += weight * tensor`, with the rounding errors of the sum. */
function accumulate({ sum, error }: Sum, tensor: HostTensor, weight: number): void {
  const { dtype } = tensor;
  if (!isFloating(dtype)) return;
  const data = tensor.data as Float64Array;
  const isNarrow = isHalf(dtype);
  for (let i = 0; i < sum.length; i += 1) {
    const value = data[i] as number;
    const term = (isNarrow ? halfValue(dtype, value) : value) * weight;
    const old = sum[i] as number;
    const next = old + term;
    const added = next - old;
    error[i] = (error[i] as number) + (old - (next - added)) + (term - added);
    sum[i] = next;
  }
}

function isAllFinite({ dtype, data }: HostTensor): boolean {
  if (!isFloating(dtype)) return true;
  const isNarrow = isHalf(dtype);
  return (data as Float64Array).every((value) =>
    Number.isFinite(isNarrow ? halfValue(dtype, value) : value),
  );
}
