import { describe, expect, it } from 'vitest';
import {
  collect,
  parseBytes,
  parseCount,
  parseLength,
  parseDecay,
  parseNumber,
  parseNumbers,
} from '#arguments/parse';

describe('values of options', () => {
  it.each([
    ['5GB', 5e9],
    ['500 MB', 5e8],
    ['1.5kb', 1500],
    ['4GiB', 2 ** 32],
    ['123', 123],
  ])('reads the size %s', (text, bytes) => {
    expect(parseBytes(text)).toBe(bytes);
  });

  it.each(['', '5 miles', '-1GB', '0', '1e400TB', '9999999TB', 'GB', '__proto__', '1toString'])(
    'refuses the size "%s"',
    (text) => {
      expect(() => parseBytes(text)).toThrow('Expected a size');
    },
  );

  it('reads numbers and lists of them', () => {
    expect(parseNumber('-1e-3')).toBe(-0.001);
    expect(parseNumbers('1,-2,0.5')).toEqual([1, -2, 0.5]);
  });

  it.each(['', ' ', 'x', '1,,2', 'Infinity', 'NaN'])('refuses the numbers "%s"', (text) => {
    expect(() => parseNumbers(text)).toThrow('Expected a number');
  });

  it.each(['-1', '1.5', '1e20'])('refuses the count %s', (text) => {
    expect(() => parseCount(text)).toThrow('Expected a whole number');
  });

  it.each(['0', '1', '-0.5'])('refuses the decay %s', (text) => {
    expect(() => parseDecay(text)).toThrow('between 0 and 1');
  });

  it('takes what is in the range', () => {
    expect(parseCount('0')).toBe(0);
    expect(() => parseLength('0')).toThrow('1 or more');
    expect(parseDecay('0.99')).toBe(0.99);
  });

  it('collects the values of a repeated option', () => {
    const add = collect(Number);
    expect(add('2', add('1', undefined))).toEqual([1, 2]);
  });
});
