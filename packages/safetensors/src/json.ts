// JSON from a file that may lie: what JSON.parse takes, less what makes two readers see two
// different files (duplicate keys), overflows the stack of whoever walks the result (deep nesting),
// or takes far more memory than its text (millions of empty lists).

/** What JSON holds. */
export type Json =
  null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Whether a list (`[`) or record (`{`) may begin inside `depth` others. */
export type Nesting = (bracket: '[' | '{', depth: number) => boolean;

/**
 * Parses JSON, refusing duplicate keys and unwanted nesting before anything is built.
 *
 * @param text - the JSON
 * @param mayBegin - asked for each list and record
 * @returns what `JSON.parse` returns
 * @throws SyntaxError where the text is not JSON, a key appears twice in a record, or a list or
 * record may not be there
 */
export function parseJson(text: string, mayBegin: Nesting): Json {
  const open: (Set<string> | undefined)[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (character === '{' || character === '[') {
      if (!mayBegin(character, open.length)) {
        const before = text.slice(Math.max(0, at - 100), at);
        throw new SyntaxError(
          `"${character}" is not expected ${open.length} levels deep, after ${before}`,
        );
      }
      open.push(undefined);
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

/**
 * Whether all numbers are written as integers: `1.0` and `1e0` are numbers of the same value that
 * are not.
 *
 * @param text - JSON that `JSON.parse` takes
 */
export function hasOnlyIntegers(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === '"') at = closingQuote(text, at);
    else if (isDigit(text[at]) && isFraction(text[at + 1])) return false;
  }
  return true;
}

function isDigit(character: string | undefined): boolean {
  return character !== undefined && character >= '0' && character <= '9';
}

function isFraction(character: string | undefined): boolean {
  return character === '.' || character === 'e' || character === 'E';
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
  if (keys.has(key))
    throw new SyntaxError(`at character ${at}, the key ${excerpt(key)} appears twice`);
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
    text = JSON.stringify(value, showNumber);
  } catch {
    // A cycle, or a toJSON that throws: the type says enough.
  }
  if (text === undefined) return typeof value;
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

// JSON writes NaN and the infinities as null and -0 as 0, which would hide what is wrong with them.
function showNumber(_key: string, value: unknown): unknown {
  if (Object.is(value, -0)) return '-0';
  const isShown =
    typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value));
  return isShown ? String(value) : value;
}
