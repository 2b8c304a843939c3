// The exchange of averages and live weights: everything that a swap does but to ask whether it may.
import type { Backend } from './backend.js';
import type { RunningAverage } from './running-average.js';

/**
 * Gives the model the averages, or what it held before. Where it throws, nothing was exchanged.
 *
 * @param backend - of the tensors
 * @param averages - all of which have been updated
 * @param call - the method, for messages
 */
export async function exchange<T>(
  backend: Backend<T>,
  averages: readonly RunningAverage<T>[],
  call: string,
): Promise<void> {
  for (const average of averages) average.live(call);
  const offers: (readonly T[])[] = [];
  let held: readonly T[];
  try {
    for (const average of averages) offers.push(await average.offer());
    held = await backend.swap(
      averages.flatMap(({ parameters }) => parameters.map(({ parameter }) => parameter)),
      offers.flat(),
    );
  } catch (error) {
    for (const [index, offered] of offers.entries()) await averages[index]?.withdraw(offered);
    throw error;
  }
  let taken = 0;
  const surplus = averages.flatMap((average) =>
    average.take(held.slice(taken, (taken += average.parameters.length))),
  );
  await backend.dispose(surplus);
}
