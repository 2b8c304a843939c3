// JSON from a file that may lie: what JSON.parse takes, less what makes two readers see two different files
// (duplicate keys) or overflows the stack of whoever walks the result (deep nesting).

/** What JSON holds. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * Parses JSON, refusing duplicate keys and deep nesting before anything is built.
 *
 * @param text - the JSON
 * @param maxDepth - how many lists and records may lie in one another, at least 1
 * @returns what `JSON.parse` returns
 * @throws SyntaxError where the text is not JSON, a key appears twice in a record, or the nesting is too deep
 */
export function parseJson(text: string, maxDepth: number): Json {
  const open: (Set<string> | undefined)[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (character === '{' || character === '[') {
      if (open.push(undefined) > maxDepth) {
        throw new SyntaxError(`at character ${at}, lists and records are nested deeper than ${maxDepth}`);
      }
    } else if (character === '}' || character === ']') {
      open.pop();
    } else if (character === '"') {
      const end = closingQuote(text, at);
      if (isKey(text, end)) noteKey(open, String(JSON.parse(text.slice(at, end + 1))), at);
      at = end;
    }
  }
  return JSON.parse(text) as Json;
}

function closingQuote(text: string, openingQuote: number): number {
  for (let at = openingQuote + 1; at < text.length; at += 1) {
    if (text[at] === '"') return at;
    if (text[at] === '\\') at += 1;
  }
  return text.length;
}

function isKey(text: string, end: number): boolean {
  let at = end + 1;
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at += 1;
  return text[at] === ':';
}

function noteKey(open: (Set<string> | undefined)[], key: string, at: number): void {
  const keys = open.at(-1) ?? new Set();
  if (keys.has(key)) throw new SyntaxError(`at character ${at}, the key ${excerpt(key)} appears twice`);
  open[open.length - 1] = keys.add(key);
}

/**
 * A value as messages quote it: JSON, cut where it is long.
 *
 * @param value - anything; what JSON cannot write comes out by its type
 * @returns at most 81 characters
 */
export function excerpt(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(typeof value === 'string' ? value.slice(0, 80) : value, showNumber);
  } catch {
    // A cycle, or a toJSON that throws: the type says enough.
  }
  if (text === undefined) return typeof value;
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

// JSON writes NaN and the infinities as null and -0 as 0, which would hide what is wrong with them.
function showNumber(_key: string, value: unknown): unknown {
  if (Object.is(value, -0)) return '-0';
  const isShown = typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value));
  return isShown ? String(value) : value;
}
