// From one value to another, along half a cosine or along a line.

/** How a value moves: along half a cosine or along a line. */
export type Anneal = 'cos' | 'linear';

/**
 * The value where `t` of the way, in [0, 1], is gone.
 *
 * @returns `from` at 0 and `to` at 1, exactly
 */
export function anneal(from: number, to: number, t: number, way: Anneal = 'cos'): number {
  const left = way === 'linear' ? 1 - t : (1 + Math.cos(Math.PI * t)) / 2;
  return from * left + to * (1 - left);
}
