// The exchange of the averages and the live weights, of all groups or of none.
import type { Backend } from './backend.js';
import type { Group } from './swa-group.js';

/** Exchanges what the parameters of all averaged groups hold with their averages. */
export async function exchange<T>(
  call: string,
  backend: Backend<T>,
  groups: readonly Group<T>[],
): Promise<void> {
  const averaged = groups.filter(({ nAvg }) => nAvg > 0);
  for (const { average } of averaged) average.live(call);
  const parameters = averaged.flatMap(({ average }) => average.parameters.map(({ parameter }) => parameter));
  const keep = (held: readonly T[]): void => {
    let taken = 0;
    for (const { average } of averaged) {
      average.averages = held.slice(taken, (taken += average.parameters.length));
    }
  };
  const held = await backend.swap(
    parameters,
    averaged.flatMap(({ average }) => average.averages),
  );
  try {
    // Of all groups: one that is not averaged itself can be tied to one that is.
    await tieAgain(groups);
  } catch (error) {
    keep(await backend.swap(parameters, held));
    await tieAgain(groups);
    throw error;
  }
  keep(held);
}

/** Where a swap gave a parameter another handle, those tied to it get the same. */
async function tieAgain<T>(groups: readonly Group<T>[]): Promise<void> {
  for (const { parameter, to } of groups.flatMap(({ tied }) => tied)) {
    if (parameter.get() !== to.get()) await parameter.set(to.get());
  }
}
