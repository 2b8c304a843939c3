// The kernels as strings. gpu.js compiles source text, and bundlers, minifiers and coverage tools
// change the text of functions.

/** One kernel, for arguments of any rank from 1 to 3. */
export type KernelSource = (rank: number) => string;

/** Elements that one thread checks. Some drivers stop a thread's loops after 65,535 rounds. */
export const RUN = 256;

/** The same elements. */
export const COPY: KernelSource = (rank) => `function (a) { return a${at(rank)}; }`;

/** The average `a` moved towards `p`. */
export const AVERAGE: KernelSource = (rank) =>
  `function (a, p, w) { return a${at(rank)} + (p${at(rank)} - a${at(rank)}) * w; }`;

// The compensated average takes several kernels: within one, a compiler could cancel its terms.

/** The distance that the average `a` with the error `c` moves towards `p`. */
export const DELTA: KernelSource = (rank) =>
  `function (a, c, p, w) { return (p${at(rank)} - a${at(rank)} - c${at(rank)}) * w + ` +
  `c${at(rank)}; }`;

/** The sum. */
export const SUM: KernelSource = (rank) =>
  `function (a, b) { return a${at(rank)} + b${at(rank)}; }`;

/** The difference. */
export const DIFFERENCE: KernelSource = (rank) =>
  `function (a, b) { return a${at(rank)} - b${at(rank)}; }`;

/** The rounding error of `s = a + d`, given `v = s - a` (Knuth's TwoSum). */
export const ERROR: KernelSource = (rank) =>
  `function (a, d, s, v) { return (a${at(rank)} - (s${at(rank)} - v${at(rank)})) + (d${at(rank)} ` +
  `- v${at(rank)}); }`;

/**
 * A word for each run of elements: NaN if one of `next` is not finite, otherwise 1 if an element of
 * `p` differs from `a`, otherwise 0. A compiler may remove comparisons with NaN and products with
 * 0, but not a product with an argument.
 *
 * @param length - the number of elements, whatever the rank
 */
export const STATUS = (length: number): string => `function (next, a, p, zero) {
  let bad = 0;
  let moved = 0;
  for (let j = 0; j < ${RUN}; j++) {
    const i = this.thread.x * ${RUN} + j;
    if (i < ${length}) {
      bad += next[i] * zero;
      if (p[i] !== a[i]) { moved = 1; }
    }
  }
  return moved + bad;
}`;

/** The sums of the words from each of `bounds` to the next, at most {@link RUN} words each. */
export const SUMS: string = `function (words, bounds) {
  let sum = 0;
  for (let j = 0; j < ${RUN}; j++) {
    const i = bounds[this.thread.x] + j;
    if (i < bounds[this.thread.x + 1]) { sum += words[i]; }
  }
  return sum;
}`;

function at(rank: number): string {
  return ['[this.thread.z]', '[this.thread.y]', '[this.thread.x]'].slice(3 - rank).join('');
}
