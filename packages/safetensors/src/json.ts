// JSON from a file that may be hostile. Refuses duplicate keys, which two readers resolve
// differently, and deep nesting, which overflows the stack. Values take far more memory than their
// text: they can be counted before they are built, and a record can be read member by member.

const EXCERPT_LENGTH = 80;

/** The pattern of what a string of JSON may have between its quotes, without escapes. */
export const PLAIN: string = '[ !#-[\\]-\\uffff]*';

/** What JSON holds. */
export type Json =
  null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Whether a list (`[`) or record (`{`) may begin inside `depth` others. */
export type Nesting = (bracket: '[' | '{', depth: number) => boolean;

/**
 * Parses JSON. Duplicate keys and unwanted nesting are refused before anything is built.
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
      if (text[skipSpace(text, end + 1)] === ':') {
        const keys = open.at(-1) ?? new Set();
        noteKey(keys, keyOf(text, at, end), at);
        open[open.length - 1] = keys;
      }
      at = end;
    }
  }
  return JSON.parse(text) as Json;
}

/**
 * Whether JSON has more than `most` values. Counts brackets and commas and builds nothing; an empty
 * list or record counts twice.
 *
 * @param text - the JSON
 */
export function hasMoreValues(text: string, most: number): boolean {
  let count = 1;
  for (let at = 0; at < text.length && count <= most; at += 1) {
    const character = text[at];
    if (character === '"') at = closingQuote(text, at);
    else if (character === ',' || character === '[' || character === '{') count += 1;
  }
  return count > most;
}

/**
 * The members of a record, one after the other, so that a caller can refuse one before the rest is
 * built. A key that appears twice is refused, and so is whatever follows the record.
 */
export class Members {
  readonly #text: string;
  readonly #keys = new Set<string>();
  #at: number;
  #place: 'key' | 'behind' | 'end';

  /**
   * @param text - the JSON of a record
   * @throws SyntaxError where the text does not begin as a record; the methods throw it where they
   * find that the text is not one
   */
  constructor(text: string) {
    this.#text = text;
    const begin = skipSpace(text, 0);
    expectAt(text, begin, '{');
    this.#at = skipSpace(text, begin + 1);
    this.#place = 'key';
    if (text[this.#at] === '}') this.#finish();
  }

  /**
   * The next member, if there is one.
   *
   * @returns its key, and the JSON of its value, which is not checked yet
   */
  next(): readonly [key: string, value: string] | undefined {
    if (!this.#isAtKey()) return undefined;
    const text = this.#text;
    expectAt(text, this.#at, '"');
    const end = closingQuote(text, this.#at);
    const key = keyOf(text, this.#at, end);
    noteKey(this.#keys, key, this.#at);
    const colon = skipSpace(text, end + 1);
    expectAt(text, colon, ':');
    const begin = skipSpace(text, colon + 1);
    this.#pass(endOfValue(text, begin));
    return [key, text.slice(begin, this.#at)];
  }

  /**
   * The next member, if a pattern fits it; otherwise it stays the next.
   *
   * @param pattern - sticky; fits only members that are JSON, with the key as its first group
   */
  match(pattern: RegExp): RegExpExecArray | undefined {
    if (!this.#isAtKey()) return undefined;
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) return undefined;
    noteKey(this.#keys, found[1] ?? '', this.#at);
    this.#pass(skipSpace(this.#text, pattern.lastIndex));
    return found;
  }

  #isAtKey(): boolean {
    if (this.#place !== 'behind') return this.#place === 'key';
    if (this.#text[this.#at] === '}') return this.#finish();
    expectAt(this.#text, this.#at, ',');
    this.#at = skipSpace(this.#text, this.#at + 1);
    this.#place = 'key';
    return true;
  }

  #pass(end: number): void {
    this.#at = end;
    this.#place = 'behind';
  }

  #finish(): false {
    this.#place = 'end';
    const rest = skipSpace(this.#text, this.#at + 1);
    if (rest < this.#text.length) throw new SyntaxError(`expected the end at character ${rest}`);
    return false;
  }
}

/**
 * Whether all numbers are written as integers. `1.0` and `1e0` are not.
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
  let at = openingQuote;
  do at = text.indexOf('"', at + 1);
  while (isEscaped(text, at));
  return at === -1 ? text.length : at;
}

function isEscaped(text: string, at: number): boolean {
  let first = at;
  while (text[first - 1] === '\\') first -= 1;
  return (at - first) % 2 === 1;
}

/** Where the comma or bracket after a value is. The value may be malformed. */
function endOfValue(text: string, begin: number): number {
  let depth = 0;
  for (let at = begin; at < text.length; at += 1) {
    const character = text[at];
    if (character === '"') at = closingQuote(text, at);
    else if (character === '{' || character === '[') depth += 1;
    else if (depth > 0 && (character === '}' || character === ']')) depth -= 1;
    else if (depth === 0 && (character === ',' || character === '}')) return at;
  }
  return text.length;
}

function skipSpace(text: string, begin: number): number {
  let at = begin;
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\r' || text[at] === '\t') at += 1;
  return at;
}

function expectAt(text: string, at: number, character: string): void {
  if (text[at] !== character) throw new SyntaxError(`expected ${character} at character ${at}`);
}

function keyOf(text: string, openingQuote: number, end: number): string {
  return String(JSON.parse(text.slice(openingQuote, end + 1)));
}

function noteKey(keys: Set<string>, key: string, at: number): void {
  if (keys.has(key))
    throw new SyntaxError(`at character ${at}, the key ${excerpt(key)} appears twice`);
  keys.add(key);
}

/**
 * A value as messages quote it: as JSON, shortened. What JSON cannot express, such as NaN, is as
 * JavaScript writes it. What is cut off is not read: it may be large or deep, or hold itself.
 *
 * @param value - anything
 * @param most - the most characters before the ellipsis. Default 80
 */
export function excerpt(value: unknown, most: number = EXCERPT_LENGTH): string {
  try {
    return cut(textOf(value, most + 1), most);
  } catch {
    // A getter that throws: the type says enough.
    return typeof value;
  }
}

/**
 * Text as messages quote it, shortened.
 *
 * @param text - of any length
 * @param most - the most characters before the ellipsis. Default 80
 */
export function cut(text: string, most: number = EXCERPT_LENGTH): string {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}

/** The beginning of a value as JSON: at least `room` characters of it, or all. */
function textOf(value: unknown, room: number): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, room));
  if (typeof value === 'function' || typeof value === 'symbol') return typeof value;
  if (typeof value !== 'object' || value === null)
    return Object.is(value, -0) ? '-0' : String(value);
  if (ArrayBuffer.isView(value)) return 'an array';
  const isList = Array.isArray(value);
  const [open, close] = isList ? '[]' : '{}';
  let whole = open as string;
  // Each member of a list takes a character at least.
  const length = isList ? Math.min(value.length, room) : 0;
  const shown = isList ? Array.from({ length }, (_, n): unknown => value[n]) : value;
  for (const [key, child] of Object.entries(shown)) {
    if (whole.length >= room) return whole;
    const comma = whole === open ? '' : ',';
    const name = isList ? '' : `${JSON.stringify(key.slice(0, room))}:`;
    whole += comma + name + textOf(child, Math.max(0, room - whole.length - name.length));
  }
  return whole + close;
}
