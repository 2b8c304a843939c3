// Model soups: means of the weights of several models, from which one can be taken out again.
import { PolyakError } from '@polyak/core';
import type { NamedTensors, StateTree } from '@polyak/core';
import { requireFit, requireOptions } from '@polyak/core/kit';
import { checksumOf } from './checksum.js';
import { contribute, memberTerms, soupTerms, tensorsOf } from './contribution.js';
import { shown } from '../state-nodes.js';
import { meanOf } from './mean.js';
import { emptyContents, restored, stateOf } from './soup-state.js';
import type { SoupContents, SoupState } from './soup-state.js';

/** Options of {@link Soup.add} and {@link Soup.remove}. */
export interface SoupMemberOptions {
  /** How much the member weighs, finite; may be negative. Default 1. */
  readonly weight?: number;
  /**
   * The name of the member. No second member of that name can be added, and nothing but what was
   * added under the name can be removed under it. Default none: the soup does not know its members.
   */
  readonly name?: string;
}

/**
 * The weighted mean of the weights of several models with the same names and shapes.
 *
 * The sums are exact: the order of the members does not matter, and after {@link Soup.remove} the
 * mean is, to the last bit, what it is where the member was never added. This holds for all finite
 * weights; a sum beyond float64 is refused. The mean is the sum rounded to float64, divided, and
 * rounded to the dtype. A member with a weight is first multiplied by it, in float64.
 *
 * However many members there are, the sums take 8 or 16 bytes for each number of a model, and up to
 * 48 where float32 numbers of all sizes meet. Half precision comes out as float32. Integers are
 * those of the member that was added last, even if it was removed since.
 *
 * @example
 * ```ts
 * import { Soup } from '@polyak/ensemble';
 *
 * const w = (value: number) => {
 *   const data = Float32Array.of(value);
 *   return { w: { dtype: 'float32', shape: [1], data } as const };
 * };
 * const soup = new Soup().add(w(1)).add(w(3)).add(w(8), { name: 'third' });
 * console.log(soup.mean()['w'].data[0]); // 4
 * console.log(soup.remove(w(8), { name: 'third' }).mean()['w'].data[0]); // 2
 * ```
 *
 * @see Wortsman et al. 2022, Model soups, https://arxiv.org/abs/2203.05482
 */
export class Soup {
  #contents: SoupContents = emptyContents();

  /** The number of members. */
  get count(): number {
    return this.#contents.count;
  }

  /** The names of the members that have one, in the order in which they were added. */
  get names(): readonly string[] {
    return [...this.#contents.named.keys()];
  }

  /**
   * Adds a member.
   *
   * @param member - all its weights by name, such as `read` of a `ParameterSet` gives; not changed
   * @param options - see {@link SoupMemberOptions}
   * @returns this
   * @throws TypeError, RangeError where an option is not what it should be
   * @throws PolyakError `ERR_STATE` where names, dtypes or shapes differ from those of the members
   *   before, with every difference, or where the soup has a member of that name; `ERR_NON_FINITE`
   *   where a value is not finite, or a sum overflows float64. The soup is as it was then
   */
  add(member: NamedTensors, options: SoupMemberOptions = {}): this {
    const call = 'Soup.add';
    const { weight = 1, name } = checkedOptions(call, options);
    const contents = this.#contents;
    if (name !== undefined) requireNew(call, contents, [name]);
    const tensors = tensorsOf(call, member);
    contribute(call, contents, memberTerms(tensors, weight, 1));
    if (name !== undefined) contents.named.set(name, { weight, checksum: checksumOf(tensors) });
    return this;
  }

  /**
   * Takes a member out again.
   *
   * @param member - what was added
   * @param options - the weight and the name with which it was added; a name is enough where it has
   *   one. Without a name the soup cannot tell whether the member was ever added
   * @returns this
   * @throws TypeError, RangeError where an option is not what it should be, or not what the member
   *   was added with
   * @throws PolyakError as {@link Soup.add}; `ERR_STATE` where no member has that name, where these
   *   are not its weights, or where a name is needed; `ERR_NO_AVERAGES` where there is no member
   */
  remove(member: NamedTensors, options: SoupMemberOptions = {}): this {
    const call = 'Soup.remove';
    const checked = checkedOptions(call, options);
    const { name } = checked;
    requireMembers(call, this.#contents);
    const tensors = tensorsOf(call, member);
    const weight = addedWeight(call, this.#contents, checked, () => checksumOf(tensors));
    contribute(call, this.#contents, memberTerms(tensors, weight, -1));
    if (name !== undefined) this.#contents.named.delete(name);
    if (this.count === 0) this.#contents = emptyContents();
    return this;
  }

  /**
   * Adds all members of another soup: the same to the last bit as adding them one by one.
   *
   * @param other - of the same names and shapes; not changed
   * @returns this
   * @throws TypeError where `other` is not another `Soup`
   * @throws PolyakError `ERR_STATE` where they differ, with every difference, or where both have a
   *   member of one name; `ERR_NON_FINITE` where a sum overflows float64
   */
  merge(other: Soup): this {
    const call = 'Soup.merge';
    // What JavaScript passes may be anything.
    const argument: unknown = other;
    const isSoup = typeof argument === 'object' && argument !== null && #contents in argument;
    if (!isSoup || argument === this) {
      const found = argument === this ? 'this soup itself' : 'not a Soup';
      throw new TypeError(`${call}: the argument is ${found}, expected another Soup.`);
    }
    const given = other.#contents;
    if (given.count === 0) return this;
    requireNew(call, this.#contents, other.names);
    contribute(call, this.#contents, soupTerms(given));
    for (const [name, member] of given.named) this.#contents.named.set(name, member);
    return this;
  }

  /**
   * The mean of the members by their weights.
   *
   * @returns new tensors
   * @throws PolyakError `ERR_NO_AVERAGES` where there is no member; `ERR_STATE` where the weights
   *   add up to 0; `ERR_NON_FINITE` where a mean overflows
   */
  mean(): NamedTensors {
    requireMembers('Soup.mean', this.#contents);
    return meanOf('Soup.mean', this.#contents);
  }

  /**
   * The state of this soup, as plain data: `toSafetensors` turns it into bytes. Removals that go on
   * from it are as exact as before.
   *
   * @returns copies, which later calls do not change
   */
  stateDict(): SoupState {
    return stateOf(this.#contents);
  }

  /**
   * Goes on from a state, in place of what the soup held. Everything is checked first.
   *
   * @param state - from {@link Soup.stateDict}, or from its bytes
   * @throws PolyakError `ERR_STATE` where it is not the state of a soup, with everything that is
   *   wrong
   */
  loadStateDict(state: StateTree): void {
    this.#contents = restored(state);
  }
}

function checkedOptions(call: string, options: SoupMemberOptions): SoupMemberOptions {
  // What JavaScript passes may be anything.
  const own = requireOptions(call, options, ['weight', 'name']) as {
    readonly weight?: number;
    readonly name?: unknown;
  };
  const { weight, name } = own;
  if (weight !== undefined && !Number.isFinite(weight)) {
    throw new RangeError(`${call}: weight is ${shown(weight)}, expected a finite number.`);
  }
  if (name !== undefined && typeof name !== 'string') {
    throw new TypeError(`${call}: name is a ${typeof name}, expected a string.`);
  }
  return own as SoupMemberOptions;
}

function requireMembers(call: string, { count }: SoupContents): void {
  if (count > 0) return;
  throw new PolyakError('ERR_NO_AVERAGES', `${call}: the soup has no members. Add one first.`);
}

function requireNew(call: string, { named }: SoupContents, names: readonly string[]): void {
  const known = names.filter((name) => named.has(name)).map((name) => `it has "${name}" already`);
  requireFit(known, { code: 'ERR_STATE', call, what: 'the name' });
}

/** The weight that a member was added with, refused where it cannot have been added. */
function addedWeight(
  call: string,
  { count, named }: SoupContents,
  { name, weight }: SoupMemberOptions,
  checksum: () => number,
): number {
  if (name === undefined) {
    if (named.size < count) return weight ?? 1;
    throw new PolyakError('ERR_STATE', `${call}: all members have names. Pass { name }.`);
  }
  const added = named.get(name);
  if (added === undefined) {
    throw new PolyakError('ERR_STATE', `${call}: the soup has no member "${name}".`);
  }
  if (weight !== undefined && weight !== added.weight) {
    throw new RangeError(
      `${call}: weight is ${weight}, but "${name}" was added with ${added.weight}. Leave it out.`,
    );
  }
  if (added.checksum === checksum()) return added.weight;
  throw new PolyakError(
    'ERR_STATE',
    `${call}: these are not the weights that were added as "${name}". Pass a copy of those.`,
  );
}
