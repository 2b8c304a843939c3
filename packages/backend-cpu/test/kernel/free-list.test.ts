// No byte is handed out twice, none is lost.
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { FreeList } from '#kernel/free-list.js';

it('takes from the lowest address', () => {
  const list = new FreeList(100, 200);
  expect([list.take(10), list.take(20), list.take(70), list.take(1)]).toEqual([
    100,
    110,
    130,
    undefined,
  ]);
});

it.each([
  { order: [0, 1, 2], joined: 'with the gap before' },
  { order: [2, 1, 0], joined: 'with the gap after' },
  { order: [0, 2, 1], joined: 'with both' },
])('coalesces $joined', ({ order }) => {
  const list = new FreeList(0, 30);
  const starts = [list.take(10), list.take(10), list.take(10)];
  for (const index of order) list.give(starts[index] ?? NaN, 10);
  expect(list.take(30)).toBe(0);
});

it('has nothing to give where there is nothing', () => {
  expect(new FreeList(5, 5).take(1)).toBeUndefined();
});

it('never hands a byte out twice, and has all of it again in the end', () => {
  const size = 1000;
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 300 }), fc.nat())), (requests) => {
      const list = new FreeList(64, 64 + size);
      const isTaken = Array.from({ length: 64 + size }, () => false);
      let wronglyRefused = false;
      const taken: { start: number; length: number }[] = [];
      const giveBack = (index: number): void => {
        for (const { start, length } of taken.splice(index, 1)) {
          isTaken.fill(false, start, start + length);
          list.give(start, length);
        }
      };
      for (const [length, choice] of requests) {
        const start = list.take(length);
        if (start === undefined) {
          wronglyRefused ||= longestGap(isTaken.slice(64)) >= length;
          if (taken.length > 0) giveBack(choice % taken.length);
          continue;
        }
        expect(start).toBeGreaterThanOrEqual(64);
        expect(isTaken.slice(start, start + length)).not.toContain(true);
        isTaken.fill(true, start, start + length);
        taken.push({ start, length });
        if (choice % 3 === 0) giveBack(choice % taken.length);
      }
      while (taken.length > 0) giveBack(0);
      expect(wronglyRefused).toBe(false);
      expect(list.free).toBe(size);
      expect(list.take(size)).toBe(64);
    }),
  );
});

function longestGap(isTaken: readonly boolean[]): number {
  let longest = 0;
  let current = 0;
  for (const taken of isTaken) {
    current = taken ? 0 : current + 1;
    longest = Math.max(longest, current);
  }
  return longest;
}
