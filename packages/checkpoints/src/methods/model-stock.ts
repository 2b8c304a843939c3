// Model stock.
import type { Block, MergeMethod, TensorMerge } from '../merge/method.js';
import { TILE, baseOf } from './deltas.js';
import { BlockSums, dot } from './sums.js';

/**
 * Model stock: the mean of N models, drawn towards the base model by the angle between what they
 * changed. Per tensor, with cos θ the mean cosine between the deltas θ_i - base of each two models,
 *
 * θ = t · mean + (1 - t) · base, t = N cos θ / (1 + (N - 1) cos θ)
 *
 * Where cos θ <= 0, t is 0: models whose changes do not agree leave the base as it is. (The formula
 * would go to the far side of the base, up to a pole at cos θ = -1 / (N - 1).) Two models of which
 * one has no direction, because it equals the base or has elements that are not finite, count with
 * a cosine of 0. One model alone has no angle, so at least two are expected.
 *
 * @returns the method; it takes one pass before the merge
 * @see Jang et al. 2024, https://arxiv.org/abs/2403.19522, equation 6
 */
export function modelStock(): MergeMethod {
  const deltas: Float64Array[] = [];
  return {
    kind: 'blocks',
    name: 'model-stock',
    options: {},
    needsBase: true,
    models: { least: 2, most: Infinity },
    tensor: () => new StockTensor(deltas),
  };
}

class StockTensor implements TensorMerge {
  needsPass = true;
  /** Memory for the deltas of a tile. */
  readonly #deltas: Float64Array[];
  /** Of each two models' deltas, by {@link at}, of a block and of the blocks so far. */
  #products = new Float64Array(0);
  #sums = new BlockSums(0);
  #models = 0;
  #share = 0;

  constructor(deltas: Float64Array[]) {
    this.#deltas = deltas;
  }

  add(block: Block): void {
    const { models } = block;
    if (this.#models === 0) this.#begin(models.length);
    const [base, products] = [baseOf(block), this.#products.fill(0)];
    for (let begin = 0; begin < base.length; begin += TILE) {
      const count = Math.min(TILE, base.length - begin);
      for (const [a, model] of models.entries()) {
        const deltas = this.#deltas[a] as Float64Array;
        for (let i = 0; i < count; i += 1) {
          deltas[i] = (model[begin + i] as number) - (base[begin + i] as number);
        }
        for (let b = 0; b <= a; b += 1) {
          const product = dot(deltas, this.#deltas[b] as Float64Array, count);
          products[at(a, b)] = (products[at(a, b)] as number) + product;
        }
      }
    }
    for (const [index, product] of products.entries()) this.#sums.add(index, product);
  }

  endPass(): void {
    this.needsPass = false;
    const [models, cosine] = [this.#models, this.#meanCosine()];
    this.#share = cosine > 0 ? (models * cosine) / (1 + (models - 1) * cosine) : 0;
  }

  merge(block: Block, result: Float64Array): void {
    const base = baseOf(block);
    const [share, rest] = [this.#share / block.models.length, 1 - this.#share];
    result.fill(0);
    for (const model of block.models) {
      for (let i = 0; i < result.length; i += 1) {
        result[i] = (result[i] as number) + (model[i] as number);
      }
    }
    for (let i = 0; i < result.length; i += 1) {
      result[i] = share * (result[i] as number) + rest * (base[i] as number);
    }
  }

  #begin(models: number): void {
    this.#models = models;
    while (this.#deltas.length < models) this.#deltas.push(new Float64Array(TILE));
    this.#products = new Float64Array(at(models, 0));
    this.#sums = new BlockSums(at(models, 0));
  }

  #meanCosine(): number {
    let sum = 0;
    for (let a = 1; a < this.#models; a += 1) {
      for (let b = 0; b < a; b += 1) {
        const lengths = Math.sqrt(this.#product(a, a)) * Math.sqrt(this.#product(b, b));
        const cosine = this.#product(a, b) / lengths;
        if (Number.isFinite(cosine)) sum += Math.min(1, cosine);
      }
    }
    return sum / (at(this.#models, 0) - this.#models);
  }

  #product(a: number, b: number): number {
    return this.#sums.total(at(a, b));
  }
}

/** The index of a pair, b <= a: (0, 0), (1, 0), (1, 1), (2, 0) … */
function at(a: number, b: number): number {
  return (a * (a + 1)) / 2 + b;
}
