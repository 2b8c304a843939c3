// What the network is shown of an image: its normalised pixels, and in training a shifted and
// perhaps mirrored copy of them.
import { CHANNELS, IMAGE_BYTES, IMAGE_SIZE } from './cifar10.js';
import { randomBelow } from './random.js';

const PADDING = 4;

/** Where an image is cropped from its padded self, and whether it is mirrored. */
export interface View {
  /** Rows and columns that the image moves up and to the left, from -4 to 4. */
  readonly shift: readonly [number, number];
  readonly isMirrored: boolean;
}

/** The image as it is. */
export const PLAIN: View = { shift: [0, 0], isMirrored: false };

/**
 * One of the 162 views of the standard augmentation: padded by 4 pixels, cropped to its size,
 * mirrored or not.
 */
export function randomView(random: () => number): View {
  const shift = [
    randomBelow(2 * PADDING + 1, random) - PADDING,
    randomBelow(2 * PADDING + 1, random) - PADDING,
  ] as const;
  return { shift, isMirrored: randomBelow(2, random) === 1 };
}

// Of the 50,000 training images, as everyone uses them.
const MEAN = [0.4914, 0.4822, 0.4465] as const;
const DEVIATION = [0.247, 0.2435, 0.2616] as const;

/** Each of the 256 values of each channel, normalised: [256, 3]. */
const NORMALIZED = Float32Array.from(
  { length: 256 * CHANNELS },
  (_, index) =>
    (Math.floor(index / CHANNELS) / 255 - (MEAN[index % CHANNELS] ?? 0)) /
    (DEVIATION[index % CHANNELS] ?? 1),
);

/**
 * Writes a view of an image, normalised; what the padding fills is 0, the mean colour.
 *
 * @param pixels - the image, [32, 32, 3]
 * @param target - where to, [32, 32, 3], all 0
 */
export function writeView(
  pixels: Uint8Array,
  { shift, isMirrored }: View,
  target: Float32Array,
): void {
  const [up, left] = shift;
  for (let row = Math.max(0, -up); row < Math.min(IMAGE_SIZE, IMAGE_SIZE - up); row++) {
    for (
      let column = Math.max(0, -left);
      column < Math.min(IMAGE_SIZE, IMAGE_SIZE - left);
      column++
    ) {
      const from = ((row + up) * IMAGE_SIZE + column + left) * CHANNELS;
      const to = (row * IMAGE_SIZE + (isMirrored ? IMAGE_SIZE - 1 - column : column)) * CHANNELS;
      for (let channel = 0; channel < CHANNELS; channel++) {
        target[to + channel] = NORMALIZED[(pixels[from + channel] ?? 0) * CHANNELS + channel] ?? 0;
      }
    }
  }
}

/** A view of each of some images: [n, 32, 32, 3]. */
export function viewsOf(
  pixels: Uint8Array,
  indices: ArrayLike<number>,
  viewOf: (index: number) => View,
): Float32Array {
  const views = new Float32Array(indices.length * IMAGE_BYTES);
  for (let row = 0; row < indices.length; row++) {
    const index = indices[row] ?? 0;
    const image = pixels.subarray(index * IMAGE_BYTES, (index + 1) * IMAGE_BYTES);
    writeView(image, viewOf(index), views.subarray(row * IMAGE_BYTES, (row + 1) * IMAGE_BYTES));
  }
  return views;
}
