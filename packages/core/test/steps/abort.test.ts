// Long work lets timers run every 50 ms, so that they can abort it.
import { abortInTurns } from '@polyak/core/kit';
import { expect, it, vi } from 'vitest';

/** The turns in which a check made at each of these times let timers run. */
async function turnsAt(...times: readonly number[]): Promise<readonly boolean[]> {
  const now = vi.spyOn(Date, 'now').mockReturnValue(0);
  try {
    const check = abortInTurns({ throwIfAborted: () => {} });
    const turns: boolean[] = [];
    for (const time of times) {
      now.mockReturnValue(time);
      let hasRun = false;
      const timer = setTimeout(() => (hasRun = true), 0);
      await check();
      clearTimeout(timer);
      turns.push(hasRun);
    }
    return turns;
  } finally {
    now.mockRestore();
  }
}

it('lets timers run 50 ms after the last time, and not before', async () => {
  expect(await turnsAt(1, 49, 50, 99, 100, 149, 1000)).toEqual([
    false,
    false,
    true,
    false,
    true,
    false,
    true,
  ]);
});

it('throws the reason of the signal, and never without one', async () => {
  const controller = new AbortController();
  const check = abortInTurns(controller.signal);
  await check();
  controller.abort(new Error('enough'));
  await expect(check()).rejects.toThrow('enough');
  await abortInTurns()();
});
