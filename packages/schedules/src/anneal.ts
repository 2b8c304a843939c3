// From one value to another, along half a cosine or along a line.

/**
 * The value where `t` of the way, in [0, 1], is gone.
 *
 * @returns `from` at 0 and `to` at 1, exactly
 */
export function anneal(from: number, to: number, t: number, isLinear?: boolean): number {
  const left = isLinear ? 1 - t : (1 + Math.cos(Math.PI * t)) / 2;
  return from * left + to * (1 - left);
}
