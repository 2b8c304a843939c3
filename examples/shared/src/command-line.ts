// What the command lines of the examples have in common.
import { InvalidArgumentError, Option } from 'commander';

/** pnpm runs scripts elsewhere, and says where it was called. */
export const callerFolder: string = process.env['INIT_CWD'] ?? process.cwd();

/**
 * An option with a whole number, 60,000 at most, as there are images in MNIST.
 *
 * @param least - the smallest number
 * @param byDefault - where the option is not given
 */
export function countOption(
  flags: string,
  description: string,
  least: number,
  byDefault: number,
): Option {
  return new Option(flags, `${description}; ${least} at least`)
    .default(byDefault)
    .argParser((text: string) => {
      const value = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
      if (value >= least && value <= 60_000) return value;
      throw new InvalidArgumentError(`Expected a whole number from ${least} to 60000.`);
    });
}
