// A batch of images and labels, the same in every run.

/** Images of 28 × 28 numbers from 0 to 1, one behind the other, and a digit for each. */
export interface Images {
  readonly images: Float32Array;
  readonly labels: Uint8Array;
  readonly count: number;
}

/** `count` images of noise. */
export function noise(count: number): Images {
  let state = 1;
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state;
  };
  return {
    images: Float32Array.from({ length: count * 28 * 28 }, () => next() / 2 ** 32),
    labels: Uint8Array.from({ length: count }, () => (next() >>> 16) % 10),
    count,
  };
}
