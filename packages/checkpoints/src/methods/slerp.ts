// Spherical linear interpolation of two models.
import type { Block, MergeMethod, TensorMerge } from '../merge/method.js';
import { requireNumber } from './options.js';
import { BlockSums } from './sums.js';

/** From this cosine on, vectors count as parallel. */
const PARALLEL = 0.9995;

/**
 * Spherical linear interpolation of two models a and b, tensor by tensor. With Ω the angle between
 * the two tensors as vectors,
 *
 * θ = (sin((1 - t) Ω) a + sin(t Ω) b) / sin Ω
 *
 * Linear, (1 - t) a + t b, where |cos Ω| > 0.9995 (parallel or opposite vectors), and where there
 * is no angle: a tensor is all zeros, or its squares are not finite.
 *
 * @param t - 0 is a, 1 is b; in [0, 1]
 * @returns the method; it takes one pass before the merge
 * @throws TypeError or RangeError if `t` is not a number in [0, 1]
 * @see Shoemake 1985, Animating rotation with quaternion curves,
 *   https://doi.org/10.1145/325165.325242; mergekit's `slerp`
 */
export function slerp(t: number): MergeMethod {
  requireNumber('slerp', 't', t, (share) => share >= 0 && share <= 1, 'a number in [0, 1]');
  return {
    kind: 'blocks',
    name: 'slerp',
    options: { t },
    needsBase: false,
    models: { least: 2, most: 2 },
    tensor: () => new SlerpTensor(t),
  };
}

class SlerpTensor implements TensorMerge {
  needsPass = true;
  /** a a, b b, a b. */
  readonly #sums = new BlockSums(3);
  readonly #t: number;
  #shares: readonly [number, number] = [0, 0];

  constructor(t: number) {
    this.#t = t;
  }

  add({ models: [a, b] }: Block): void {
    const [first, second] = pair(a, b);
    let [firsts, seconds, products] = [0, 0, 0];
    for (let i = 0; i < first.length; i += 1) {
      const [x, y] = [first[i] as number, second[i] as number];
      firsts += x * x;
      seconds += y * y;
      products += x * y;
    }
    this.#sums.add(0, firsts);
    this.#sums.add(1, seconds);
    this.#sums.add(2, products);
  }

  endPass(): void {
    this.needsPass = false;
    const norms = Math.sqrt(this.#sums.total(0)) * Math.sqrt(this.#sums.total(1));
    this.#shares = sharesOf(this.#t, this.#sums.total(2) / norms);
  }

  merge({ models: [a, b] }: Block, result: Float64Array): void {
    const [first, second] = pair(a, b);
    const [share, other] = this.#shares;
    for (let i = 0; i < result.length; i += 1) {
      result[i] = share * (first[i] as number) + other * (second[i] as number);
    }
  }
}

function sharesOf(t: number, cosine: number): readonly [number, number] {
  // Also false for NaN.
  if (!(Math.abs(cosine) <= PARALLEL)) return [1 - t, t];
  const angle = Math.acos(cosine);
  return [Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle)];
}

function pair(
  a: Float64Array | undefined,
  b: Float64Array | undefined,
): readonly [Float64Array, Float64Array] {
  if (a === undefined || b === undefined) throw new TypeError('slerp: expected two models.');
  return [a, b];
}
