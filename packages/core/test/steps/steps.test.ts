// Steps, driven by callers that can wait and by those that cannot.
import { either, wait } from '@polyak/core/kit';
import type { Steps } from '@polyak/core/kit';
import { driveSync } from '@polyak/core/machine';
import { describe, expect, it } from 'vitest';

function* sum(...values: readonly unknown[]): Steps<number> {
  let total = 0;
  for (const value of values) total += (yield* wait(value)) as number;
  return total;
}

describe('either', () => {
  it('is done at once where no step is a promise', () => {
    expect(either(sum(1, 2, null, 4))).toBe(7);
  });

  it('waits for each promise and passes its value on', async () => {
    const result = either(sum(1, Promise.resolve(2), 4));
    expect(result).toBeInstanceOf(Promise);
    expect(await result).toBe(7);
  });
});

describe('driveSync', () => {
  it('passes each value on and returns the result', () => {
    expect(driveSync('step', sum())).toBe(0);
    expect(driveSync('step', sum(1, 2, null, 4))).toBe(7);
  });

  it('throws at the first promise, inside the steps, which may go on', () => {
    expect(() => driveSync('step', sum(1, Promise.resolve(2)))).toThrow(
      new TypeError('step: got a promise, which a synchronous call cannot await.'),
    );
    function* undone(): Steps<unknown> {
      try {
        return yield* wait(Promise.resolve(2));
      } catch (error) {
        return [yield* wait('undone'), error];
      }
    }
    expect(driveSync('step', undone())).toEqual(['undone', expect.any(TypeError)]);
  });
});
