// Identities of places that are no objects of their own.
import { identityOf } from '@polyak/core/embedding';
import { describe, expect, it } from 'vitest';

describe('identityOf', () => {
  it('is the same for each owner and key', () => {
    const [a, b] = [
      [1, 2],
      [1, 2],
    ];
    expect(identityOf(a, 0)).toBe(identityOf(a, 0));
    expect(identityOf(a, 'm')).toBe(identityOf(a, 'm'));
    const different = [identityOf(a, 0), identityOf(a, 1), identityOf(a, '0'), identityOf(b, 0)];
    expect(new Set(different).size).toBe(4);
  });

  it.each([undefined, null, 5, 'net'])('refuses %s for an owner', (owner) => {
    expect(() => identityOf(owner as never, 0)).toThrow('identityOf: the owner is ');
  });
});
