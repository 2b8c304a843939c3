// The exchange of the averages and the live weights, of all groups or of none.
import type { Backend, Parameter } from './backend.js';
import { PolyakError } from './error.js';
import type { AveragedParameter } from './parameter-list.js';
import type { RunningAverage } from './running-average.js';
import { averageAt } from './swa-group.js';
import type { Group } from './swa-group.js';

/** The average that a parameter holds in place of its live value: several objects may average and sample one model. */
const shown = new WeakMap<Parameter<never>, RunningAverage<never>>();

/**
 * Gives the parameters of all averaged groups their averages at `index`, or what they held before.
 *
 * @param isForGood - they stay there: whoever puts something back later puts it in their place
 * @throws PolyakError `ERR_SWAPPED` where one of them shows an average of somebody else
 */
export async function exchange<T>(
  call: string,
  backend: Backend<T>,
  groups: readonly Group<T>[],
  index: number,
  isForGood: boolean = false,
): Promise<void> {
  const averaged = groups.filter((group) => averageAt(group, index).nAvg > 0);
  const lists = averaged.map(({ list }) => list);
  const averages = averaged.map((group) => averageAt(group, index));
  for (const list of lists) list.live(call);
  if (!isForGood)
    averages.forEach((average, n) => requireFree(call, lists[n]?.parameters ?? [], average));
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
  if (!isForGood) averages.forEach((average, n) => mark(lists[n]?.parameters ?? [], average));
  const taken = each(held);
  await backend.dispose(averages.flatMap((average, n) => average.take(taken[n] ?? [])));
}

/** Where a swap gave a parameter another handle, those tied to it get the same. */
async function tieAgain<T>(groups: readonly Group<T>[]): Promise<void> {
  for (const { parameter, to } of groups.flatMap(({ tied }) => tied)) {
    if (parameter.get() !== to.get()) await parameter.set(to.get());
  }
}

function requireFree<T>(
  call: string,
  parameters: readonly AveragedParameter<T>[],
  average: RunningAverage<T>,
): void {
  for (const { parameter } of parameters) {
    const other = shown.get(parameter as Parameter<never>);
    if (other === undefined || other === (average as RunningAverage<unknown>)) continue;
    throw new PolyakError(
      'ERR_SWAPPED',
      `${call}: "${parameter.name}" holds an average or a sample that another object has put there. Wait until it is back.`,
    );
  }
}

/** What was not shown is shown now, and the reverse. */
function mark<T>(parameters: readonly AveragedParameter<T>[], average: RunningAverage<T>): void {
  for (const { parameter } of parameters) {
    const key = parameter as Parameter<never>;
    if (shown.has(key)) shown.delete(key);
    else shown.set(key, average as RunningAverage<never>);
  }
}
