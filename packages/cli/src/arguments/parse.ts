// Values of options: numbers, lists, sizes.
import { InvalidArgumentError } from 'commander';

/** A path. */
export function parsePath(text: string): string {
  if (text !== '') return text;
  throw new InvalidArgumentError('Expected a path. Is a variable of the shell empty?');
}

/** A number, such as `0.99` or `1e-3`. */
export function parseNumber(text: string): number {
  const value = text.trim() === '' ? NaN : Number(text);
  if (Number.isFinite(value)) return value;
  throw new InvalidArgumentError('Expected a number.');
}

/** A whole number from 0. */
export function parseCount(text: string): number {
  const value = parseNumber(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError('Expected a whole number, 0 or more.');
}

/** A whole number from 1. */
export function parseLength(text: string): number {
  const value = parseNumber(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('Expected a whole number, 1 or more.');
}

/** A number above 0 and below 1, such as the decay of an exponential average. */
export function parseDecay(text: string): number {
  const value = parseNumber(text);
  if (value > 0 && value < 1) return value;
  throw new InvalidArgumentError('Expected a number between 0 and 1.');
}

/** Numbers with commas between them: `1,2,0.5`. */
export function parseNumbers(text: string): readonly number[] {
  return text.split(',').map(parseNumber);
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
  TIB: 2 ** 40,
};

/** A number of bytes: `5GB`, `500MB`, `4GiB`. */
export function parseBytes(text: string): number {
  const [, digits = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/iu.exec(text.trim()) ?? [];
  const factor = Object.entries(UNITS).find(([name]) => name === unit.toUpperCase())?.[1];
  const bytes = Math.floor(Number(digits) * (factor ?? NaN));
  if (digits !== '' && Number.isSafeInteger(bytes) && bytes > 0) return bytes;
  throw new InvalidArgumentError('Expected a size, such as 5GB, 500MB or 4GiB.');
}

/** Adds to the values of an option that may be repeated. */
export function collect<Value>(
  parse: (text: string) => Value,
): (text: string, values: readonly Value[] | undefined) => readonly Value[] {
  return (text, values = []) => [...values, parse(text)];
}
