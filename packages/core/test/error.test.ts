import { PolyakError } from '@polyak/core';
import { describe, expect, it } from 'vitest';

describe('PolyakError', () => {
  it('is known by its name, also from another copy of the package', () => {
    expect(PolyakError.is(new PolyakError('ERR_BUSY', 'm', { cause: 1 }))).toBe(true);
    expect(PolyakError.is(Object.assign(new Error('m'), { name: 'PolyakError' }))).toBe(true);
    expect([new Error('m'), 'PolyakError', null].some((error) => PolyakError.is(error))).toBe(
      false,
    );
  });
});
