// Renaming rules as text: FROM=TO.
import type { RenameRule } from './rules.js';

/**
 * The rule that a text stands for: the pattern, `=`, the new name, such as `module.*=*`.
 *
 * @param call - the method or option, for messages
 * @param text - the text. It is cut at the first `=`; where it begins with a slash, at the first
 *   `=` after a slash, for regular expressions
 * @throws RangeError where there is no `=`, or nothing before it
 */
export function renameOf(call: string, text: string): RenameRule {
  const [, from, to] = /^(\/.+?\/|[^=/][^=]*)=(.*)$/s.exec(text) ?? [];
  if (from !== undefined && to !== undefined) return { from, to };
  throw new RangeError(`${call}: "${text}" is no renaming, expected FROM=TO, such as module.*=*.`);
}
