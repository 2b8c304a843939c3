// Digits for the network of examples/mnist that look like nothing: their values do not change how
// long a pass takes.
const PIXELS = 28 * 28;
const CLASSES = 10;

/** A batch as the networks of the examples take it. */
export interface DigitBatch {
  readonly images: Float32Array;
  readonly labels: Uint8Array;
  readonly count: number;
}

/** The same batch for the same number of images. */
export function digitBatch(count: number): DigitBatch {
  return {
    images: Float32Array.from({ length: count * PIXELS }, (_, index) => Math.sin(index) ** 2),
    labels: Uint8Array.from({ length: count }, (_, index) => index % CLASSES),
    count,
  };
}

/** How many numbers `count` images have. */
export function pixelsOf(count: number): number {
  return count * PIXELS;
}
