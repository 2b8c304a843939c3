// Calls as JavaScript may make them, with arguments that are anything.
import { cpuBackend } from '@polyak/backend-cpu';
import { AveragedModel, ParameterSet, SWA } from '@polyak/core';
import { sgd, weights } from '../../../../tests/support/sgd.js';

const backend = cpuBackend();
/** Those of all three. */
export const options = { backend };

/** A function or method, called as JavaScript may call it. */
export function loose(target: object, method: string): (...given: readonly unknown[]) => unknown {
  const called = Reflect.get(target, method) as (...given: readonly unknown[]) => unknown;
  return (...given) => called.apply(target, [...given]);
}

/** What a call throws, or rejects with. */
export async function failure(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  return undefined;
}

/** Parameters, with their type forgotten. */
export const parameters = (): unknown => [weights('w', [2])];
/** An optimizer, with its type forgotten. */
export const optimizer = (): unknown => sgd([{ params: [weights('w', [2])], lr: 0.1 }]);
/** The constructors, of any arguments. */
export const make = {
  model: (...given: readonly unknown[]) => new AveragedModel(...(given as [never, never])),
  swa: (...given: readonly unknown[]) => new SWA(...(given as [never, never])),
  set: (...given: readonly unknown[]) => new ParameterSet(...(given as [never, never])),
};

/** One of each, averaged once. */
export async function averaged(): Promise<{
  model: AveragedModel<unknown>;
  swa: SWA<unknown>;
  set: ParameterSet<unknown>;
}> {
  const model = make.model(parameters(), options);
  const swa = make.swa(optimizer(), options);
  await model.update();
  await swa.updateSwa();
  return { model, swa, set: make.set(parameters(), options) };
}
