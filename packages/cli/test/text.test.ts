import { describe, expect, it } from 'vitest';
import { plain } from '#context';
import { bytesText, countText, durationText, numberText, tableText } from '#text';

describe('text', () => {
  it.each([
    [0, '0 bytes'],
    [999, '999 bytes'],
    [1000, '1.0 kB'],
    [999_600, '1.0 MB'],
    [123_456_789, '123 MB'],
    [4e9, '4.0 GB'],
  ])('writes %d bytes', (bytes, text) => {
    expect(bytesText(bytes)).toBe(text);
  });

  it.each([
    [0.04, '0.0 s'],
    [12.3, '12 s'],
    [59.6, '1:00'],
    [3725, '1:02:05'],
  ])('writes %d seconds', (seconds, text) => {
    expect(durationText(seconds)).toBe(text);
  });

  it('writes numbers and counts', () => {
    expect(numberText(0.1 + 0.2)).toBe('0.3');
    expect(countText(1, 'tensor')).toBe('1 tensor');
    expect(countText(100_000, 'tensor')).toBe('100,000 tensors');
  });

  it('aligns the columns of a table', () => {
    const rows = [
      ['name', 'size'],
      ['a', '1 kB'],
      ['longer', '12 kB'],
    ];
    expect(tableText(rows, ['left', 'right'])).toBe('name     size\na        1 kB\nlonger  12 kB');
  });

  it('has one line for a row whose name has a line break', () => {
    expect(tableText([['a\nb\tc', '1']], ['left', 'right'])).toBe('a\ufffdb\ufffdc  1');
  });

  it('has nothing that controls a terminal or reorders it', () => {
    expect(plain('a\u001b[31m\u009b\u202eb\n')).toBe('a\ufffd[31m\ufffd\ufffdb\n');
  });
});
