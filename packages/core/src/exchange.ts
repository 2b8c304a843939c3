// The exchange of the averages and the live weights, of all groups or of none.
import type { Backend } from './backend.js';
import { averageAt } from './swa-group.js';
import type { Group } from './swa-group.js';

/** Gives the parameters of all averaged groups their averages at `index`, or what they held before. */
export async function exchange<T>(
  call: string,
  backend: Backend<T>,
  groups: readonly Group<T>[],
  index: number,
): Promise<void> {
  const averaged = groups.filter((group) => averageAt(group, index).nAvg > 0);
  const lists = averaged.map(({ list }) => list);
  const averages = averaged.map((group) => averageAt(group, index));
  for (const list of lists) list.live(call);
  const parameters = lists.flatMap((list) => list.parameters.map(({ parameter }) => parameter));
  const each = (handles: readonly T[]): readonly (readonly T[])[] => {
    let taken = 0;
    return lists.map((list) => handles.slice(taken, (taken += list.parameters.length)));
  };
  const offers: (readonly T[])[] = [];
  let held: readonly T[];
  try {
    for (const average of averages) offers.push(await average.offer());
    held = await backend.swap(parameters, offers.flat());
  } catch (error) {
    for (const [n, offered] of offers.entries()) await averages[n]?.withdraw(offered);
    throw error;
  }
  try {
    // Of all groups: one that is not averaged itself can be tied to one that is.
    await tieAgain(groups);
  } catch (error) {
    const offered = each(await backend.swap(parameters, held));
    for (const [n, average] of averages.entries()) await average.takeBack(offered[n] ?? []);
    await tieAgain(groups);
    throw error;
  }
  const taken = each(held);
  await backend.dispose(averages.flatMap((average, n) => average.take(taken[n] ?? [])));
}

/** Where a swap gave a parameter another handle, those tied to it get the same. */
async function tieAgain<T>(groups: readonly Group<T>[]): Promise<void> {
  for (const { parameter, to } of groups.flatMap(({ tied }) => tied)) {
    if (parameter.get() !== to.get()) await parameter.set(to.get());
  }
}
