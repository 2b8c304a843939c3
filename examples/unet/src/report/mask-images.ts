// Pictures and masks as PNG data URIs.
import { encode } from 'fast-png';
import { SIZE } from '../pictures/canvas.js';

type Color = readonly [red: number, green: number, blue: number];

// By Okabe and Ito, as the plots: people with any kind of colour blindness can tell them apart.
const [RIGHT, MISSED, WRONG, GROUND]: readonly Color[] = [
  [255, 255, 255],
  [86, 180, 233],
  [230, 159, 0],
  [0, 0, 0],
] as const;

/** A picture in its greys. */
export function pictureImage(pixels: ArrayLike<number>): string {
  return imageOf(Array.from(pixels, (grey) => [grey, grey, grey].map((part) => part * 255)));
}

/** A predicted mask: white where right, blue where foreground was missed, orange where wrong. */
export function maskImage(predicted: ArrayLike<number>, truth: ArrayLike<number>): string {
  return imageOf(
    Array.from(predicted, (value, index) => {
      const [isFound, isTrue] = [value === 1, truth[index] === 1];
      return (isFound ? (isTrue ? RIGHT : WRONG) : isTrue ? MISSED : GROUND) ?? [];
    }),
  );
}

function imageOf(colors: readonly (readonly number[])[]): string {
  const data = Uint8Array.from(colors.flat());
  const png = encode({ width: SIZE, height: SIZE, data, depth: 8, channels: 3 });
  return `data:image/png;base64,${Buffer.from(png).toString('base64')}`;
}
