// The order of checkpoints, where the result depends on it. Shells expand a pattern in the order of
// the characters: n-10 before n-2.
import type { Context, PrintOptions } from '../context.js';
import { say } from '../context.js';
import { UsageError } from '../exit-codes.js';

/** Compares names by the numbers in them: `n-2` before `n-10`. */
export const byNumber: (a: string, b: string) => number = new Intl.Collator('en', { numeric: true })
  .compare;

/**
 * The first two paths that are not in the order of their numbers. Only paths that differ in nothing
 * else are compared.
 *
 * @returns `n-10 stands before n-2`; undefined where all are in order
 */
export function misplaced(paths: readonly string[]): string | undefined {
  const latest = new Map<string, string>();
  for (const path of paths) {
    const pattern = path.replaceAll(/\d+/gu, '#');
    const before = latest.get(pattern);
    if (before !== undefined && byNumber(before, path) > 0)
      return `${before} stands before ${path}`;
    latest.set(pattern, path);
  }
  return undefined;
}

/** @throws UsageError where checkpoints that `option` takes oldest first are in another order */
export function requireOldestFirst(option: string, paths: readonly string[]): void {
  const found = misplaced(paths);
  if (found === undefined) return;
  throw new UsageError(
    `${option} takes checkpoints oldest first, but ${found}. Quote a pattern, so that polyak ` +
      'expands it in numeric order, or list the checkpoints in that order. With weights of your ' +
      'own, any order will do.',
  );
}

/**
 * Warns of checkpoints that are not in the order of their numbers.
 *
 * @param use - what the order decides, such as `--weights apply in the order of the checkpoints`
 */
export function warnOfOrder(
  context: Context,
  options: PrintOptions,
  use: string,
  paths: readonly string[],
): void {
  const found = misplaced(paths);
  if (found === undefined) return;
  say(
    context,
    options,
    `warning: ${use}, and ${found}. Quote a pattern, so that polyak expands it in numeric order.`,
  );
}
