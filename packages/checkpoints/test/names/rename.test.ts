import { renameOf } from '@polyak/checkpoints/names';
import { describe, expect, it } from 'vitest';

describe('renameOf', () => {
  it.each([
    ['module.*=*', 'module.*', '*'],
    ['a=', 'a', ''],
    ['a=b=c', 'a', 'b=c'],
    ['/^a=(.*)$/=b/$1', '/^a=(.*)$/', 'b/$1'],
  ])('reads %s', (text, from, to) => {
    expect(renameOf('--rename', text)).toEqual({ from, to });
  });

  it.each(['module.*', '=b', '', '/a'])('refuses "%s"', (text) => {
    expect(() => renameOf('--rename', text)).toThrow(/--rename: .*expected FROM=TO/);
  });
});
