// A swap with the live model as a transaction: either all parameters hold the other tensors' contents, or none does.
import type { HostTensor, Parameter } from '@polyak/core';
import { exchange } from './exchange.js';

/** A parameter, what it holds, and what it shall hold. */
export interface SwapItem {
  readonly parameter: Parameter<HostTensor>;
  readonly live: HostTensor;
  readonly tensor: HostTensor;
}

/**
 * Exchanges the contents of each `live` and `tensor`, then sets each parameter to its `live`: the cell may have given out
 * a copy.
 *
 * @param items - checked: specs are equal
 * @throws whatever a `set` throws, after everything was exchanged back; an AggregateError where a `set` refused that too
 */
export async function swapAll(items: readonly SwapItem[]): Promise<void> {
  for (const { live, tensor } of items) {
    exchange(live.data, tensor.data);
  }
  const reached: SwapItem[] = [];
  try {
    for (const item of items) {
      reached.push(item);
      await item.parameter.set(item.live);
    }
  } catch (error) {
    await swapBack(items, reached, error);
    throw error;
  }
}

// Never rejects for the parameter whose refusal brought us here: it is the last one reached, and may refuse again.
async function swapBack(
  items: readonly SwapItem[],
  reached: readonly SwapItem[],
  cause: unknown,
): Promise<void> {
  // In reverse, so that an array that occurs twice gets its first contents back.
  for (let index = items.length - 1; index >= 0; index -= 1) {
    const { live, tensor } = items[index] as SwapItem;
    exchange(live.data, tensor.data);
  }
  const settled = await Promise.allSettled(
    reached.map(async ({ parameter, live }) => parameter.set(live)),
  );
  const refusals = settled
    .slice(0, -1)
    .flatMap((result, index) =>
      result.status === 'rejected'
        ? [{ name: reached[index]?.parameter.name, reason: result.reason as unknown }]
        : [],
    );
  if (refusals.length > 0) {
    throw new AggregateError(
      [cause, ...refusals.map(({ reason }) => reason)],
      'swap: a parameter refused its new contents, and ' +
        `${refusals.map(({ name }) => `"${name}"`).join(', ')} the old ones afterwards. The ` +
        'tensors hold what they held before; set these parameters again.',
    );
  }
}
