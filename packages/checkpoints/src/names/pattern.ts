// Patterns of names: wildcards, or a regular expression between slashes.

/** A compiled pattern. */
export interface Pattern {
  /** As it was given, for messages. */
  readonly text: string;
  /** Whether a name matches. */
  matches(name: string): boolean;
}

/** A compiled pattern, with the new name of what matches it. */
export interface Renaming {
  /** The pattern as it was given, for messages. */
  readonly text: string;
  /** The new name of a name; `undefined` where the pattern does not match. */
  renamed(name: string): string | undefined;
}

/**
 * Compiles a pattern. `*` stands for any characters, also dots and slashes, and `?` for one; such a
 * pattern matches whole names. A pattern between slashes, `/^decoder\./`, is a regular expression,
 * which may match a part of a name.
 *
 * @param call - the method that was called, for messages
 * @throws RangeError where the regular expression is malformed
 */
export function patternOf(call: string, text: string): Pattern {
  if (isExpression(text)) {
    const expression = expressionOf(call, text);
    return { text, matches: (name) => expression.test(name) };
  }
  const match = wildcardMatcher(text);
  return { text, matches: (name) => match(name) !== undefined };
}

/**
 * Compiles the renaming of what matches a pattern.
 *
 * @param call - the method that was called, for messages
 * @param from - the pattern
 * @param to - the new name. The first `*` stands for what the first `*` of the pattern stood for,
 *   which is as little as possible, the second for the second, and so on; `?` likewise. For a
 *   regular expression it replaces what was matched, as in `String.replace`: `$1` is a group
 * @throws RangeError as {@link patternOf}, and where `to` has more wildcards than the pattern
 */
export function renamingOf(call: string, from: string, to: string): Renaming {
  if (isExpression(from)) {
    const expression = expressionOf(call, from);
    const renamed = (name: string): string | undefined =>
      expression.test(name) ? name.replace(expression, to) : undefined;
    return { text: from, renamed };
  }
  const wildcards = from.match(/[*?]/g) ?? [];
  // For each wildcard of the new name, the index of that of the pattern that it stands for.
  const groups = { '*': [] as number[], '?': [] as number[] };
  wildcards.forEach((wildcard, index) => groups[wildcard as '*' | '?'].push(index));
  const pieces = to.split(/([*?])/).map((piece) => {
    if (piece !== '*' && piece !== '?') return piece;
    const group = groups[piece].shift();
    if (group !== undefined) return group;
    throw new RangeError(
      `${call}: the new name "${to}" has more "${piece}" than the pattern "${from}".`,
    );
  });
  const match = wildcardMatcher(from);
  const renamed = (name: string): string | undefined => {
    const found = match(name);
    if (found === undefined) return undefined;
    return pieces.map((piece) => (typeof piece === 'string' ? piece : found[piece])).join('');
  };
  return { text: from, renamed };
}

function isExpression(text: string): boolean {
  return text.length > 2 && text.startsWith('/') && text.endsWith('/');
}

function expressionOf(call: string, text: string): RegExp {
  try {
    return new RegExp(text.slice(1, -1));
  } catch (cause) {
    const { message } = cause as SyntaxError;
    throw new RangeError(`${call}: the pattern "${text}" is malformed: ${message}.`, { cause });
  }
}

/**
 * A function that returns what each wildcard of a pattern stands for in a name, in their order.
 * What is between two stars is looked for once, from left to right, so that no name, however long,
 * makes it slow.
 */
function wildcardMatcher(text: string): (name: string) => readonly string[] | undefined {
  const sources = text
    .split('*')
    .map((part) =>
      part.replace(/[$()+./?[\\\]^{|}]/g, (char) => (char === '?' ? '([^])' : `\\${char}`)),
    );
  const last = sources.length - 1;
  const parts = sources.map((source, index) => {
    const end = index === last ? '$' : '';
    return new RegExp(source + end, index === 0 ? 'yu' : 'gu');
  });
  return (name) => {
    const found: string[] = [];
    let at = 0;
    for (const [index, part] of parts.entries()) {
      part.lastIndex = at;
      const match = part.exec(name);
      if (match === null) return undefined;
      if (index > 0) found.push(name.slice(at, match.index));
      found.push(...match.slice(1));
      at = match.index + match[0].length;
    }
    return found;
  };
}
