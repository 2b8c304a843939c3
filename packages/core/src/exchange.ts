// The exchange of the averages and the live weights, of all groups or of none.
import type { Backend } from './backend.js';
import type { Group } from './swa-group.js';

/** Gives the parameters of all averaged groups the averages, or what they held before. */
export async function exchange<T>(
  call: string,
  backend: Backend<T>,
  groups: readonly Group<T>[],
): Promise<void> {
  const averages = groups.filter(({ nAvg }) => nAvg > 0).map(({ average }) => average);
  for (const average of averages) average.live(call);
  const parameters = averages.flatMap((average) => average.parameters.map(({ parameter }) => parameter));
  const each = (handles: readonly T[]): readonly (readonly T[])[] => {
    let taken = 0;
    return averages.map((average) => handles.slice(taken, (taken += average.parameters.length)));
  };
  const offers: (readonly T[])[] = [];
  let held: readonly T[];
  try {
    for (const average of averages) offers.push(await average.offer());
    held = await backend.swap(parameters, offers.flat());
  } catch (error) {
    for (const [index, offered] of offers.entries()) await averages[index]?.withdraw(offered);
    throw error;
  }
  try {
    // Of all groups: one that is not averaged itself can be tied to one that is.
    await tieAgain(groups);
  } catch (error) {
    const offered = each(await backend.swap(parameters, held));
    for (const [index, average] of averages.entries()) await average.takeBack(offered[index] ?? []);
    await tieAgain(groups);
    throw error;
  }
  const taken = each(held);
  await backend.dispose(averages.flatMap((average, index) => average.take(taken[index] ?? [])));
}

/** Where a swap gave a parameter another handle, those tied to it get the same. */
async function tieAgain<T>(groups: readonly Group<T>[]): Promise<void> {
  for (const { parameter, to } of groups.flatMap(({ tied }) => tied)) {
    if (parameter.get() !== to.get()) await parameter.set(to.get());
  }
}
