// When a median says too little to be printed. The notches of a box plot, 1.57 times the
// interquartile range over the square root of the number of samples, are about a 95 % interval of
// the median (McGill, Tukey and Larsen, "Variations of box plots", 1978). Ratios are read and
// compared to about a tenth, so a median must be known to a tenth: with 31 pairs, the interquartile
// range may be 0.35 of the median.

/** What decides whether a median is printed. */
export interface Spread {
  readonly ratio: number;
  readonly quartiles: readonly [number, number];
  /** How many ratios the median is of. */
  readonly pairs: number;
}

const LARGEST_ERROR = 0.1;

/** Half the width of the 95 % interval of the median, as a fraction of the median. */
function medianError({ ratio, quartiles: [first, third], pairs }: Spread): number {
  return (1.57 * (third - first)) / (Math.sqrt(pairs) * ratio);
}

/** Whether the median is too uncertain to be printed; so is one that is no number. */
export function isTooNoisy(spread: Spread): boolean {
  return !(medianError(spread) <= LARGEST_ERROR);
}
