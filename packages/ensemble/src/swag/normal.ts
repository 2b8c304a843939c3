// Normal random numbers, as ratios of two uniform ones.

// 2 sqrt(2 / e), the width of the region that the pairs are drawn from.
const WIDTH = 1.7155277699214135;

/**
 * A draw from the normal distribution of mean 0 and variance 1.
 *
 * The value is made by one subtraction, product and quotient, which every machine rounds alike. The
 * logarithm, whose last bit depends on the engine, only decides whether a pair is kept: two engines
 * draw differently only where a pair lies within that bit of the border.
 *
 * @param uniform - draws from [0, 1)
 * @see Kinderman and Monahan 1977, Computer Generation of Random Variables Using the Ratio of
 *   Uniform Deviates, https://doi.org/10.1145/355744.355750
 */
export function normal(uniform: () => number): number {
  for (;;) {
    const u = 1 - uniform();
    const x = (WIDTH * (uniform() - 0.5)) / u;
    if (x * x <= -4 * Math.log(u)) return x;
  }
}
