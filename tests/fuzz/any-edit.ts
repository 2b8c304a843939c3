// Text that was right before it was edited.
import * as fc from 'fast-check';

const NUMBERS = ['0', '1', '-1', '-0', '1.0', '1e3', '1e999', '4294967296', '9007199254740991'];
const NAMES = [
  '"dtype"',
  '"shape"',
  '"data_offsets"',
  '"__metadata__"',
  '"__proto__"',
  '"a"',
  '""',
];
const DTYPES = ['"U8"', '"F64"', '"BOOL"', '"F8_E4M3"', '"F4"', '"float32"', '"toString"'];
const FILES = [
  '"1.safetensors"',
  '"../1.safetensors"',
  '"a/../1.bin"',
  '"a/../../1.bin"',
  '"a\\\\..\\\\..\\\\1"',
  '"/1"',
  '".."',
  '"C:1"',
  '"1\\u0000"',
];
const SIGNS = ['{', '}', '[', ']', ',', ':', '"', '\\', '\\ud800', ' ', '\n', '[[', '{}', 'null'];
const TOKENS = [...NUMBERS, ...NAMES, ...DTYPES, ...FILES, ...SIGNS];

type Edit = (text: string) => string;

const anyPlace = fc.double({ min: 0, max: 1, noNaN: true });

/** One change: a token put in or in the place of another, a part cut out, doubled or moved. */
const anyEdit: fc.Arbitrary<Edit> = fc
  .record({
    kind: fc.constantFrom('put', 'replace', 'cut', 'double', 'move'),
    at: anyPlace,
    to: anyPlace,
    length: fc.nat(60),
    token: fc.constantFrom(...TOKENS),
  })
  .map(({ kind, at, to, length, token }) => (text) => {
    const begin = Math.floor(at * text.length);
    const [before, part, after] = [
      text.slice(0, begin),
      text.slice(begin, begin + length),
      text.slice(begin + length),
    ];
    if (kind === 'put') return before + token + part + after;
    if (kind === 'cut') return before + after;
    if (kind === 'double') return before + part + part + after;
    if (kind === 'replace') return replacedToken(text, begin, token);
    const rest = before + after;
    const target = Math.floor(to * rest.length);
    return rest.slice(0, target) + part + rest.slice(target);
  });

/** The text with the first number or string behind `begin` replaced. */
function replacedToken(text: string, begin: number, token: string): string {
  const rest = text.slice(begin).replace(/\d+|"[^"]*"/, () => token);
  return text.slice(0, begin) + rest;
}

/** A few changes of any text. */
export const anyEdits: fc.Arbitrary<Edit> = fc
  .array(anyEdit, { minLength: 1, maxLength: 4 })
  .map((edits) => (text) => edits.reduce((edited, edit) => edit(edited), text));

/** One of `texts` after a few changes. */
export function anyEdited(texts: readonly string[]): fc.Arbitrary<string> {
  return fc.tuple(fc.constantFrom(...texts), anyEdits).map(([text, edit]) => edit(text));
}
