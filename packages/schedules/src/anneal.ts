// Annealing from one value to another.

/** The curve from one value to another: half a cosine, or a line. */
export type Anneal = 'cos' | 'linear';

/**
 * The value at `t`, in [0, 1], on the curve from `from` to `to`.
 *
 * @returns exactly `from` at 0 and `to` at 1
 */
export function anneal(from: number, to: number, t: number, way?: Anneal): number {
  const left = way === 'linear' ? 1 - t : (1 + Math.cos(Math.PI * t)) / 2;
  return from * left + to * (1 - left);
}
