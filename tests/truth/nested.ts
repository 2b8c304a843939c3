// The calls with others inside of them, made on a world and told to the reference.
import { optionsOf } from './calls.js';
import type { Truth } from './reference/reference.js';
import type { Body, Command } from './script.js';
import { numbersOf } from './world.js';
import type { World } from './world.js';

/** A command with others inside of it. */
export type Nesting = Extract<Command, Body>;

/** A call, and what it is for the reference before and after the others. */
interface Nested {
  /** Makes the call. */
  readonly within: (fn: () => Promise<void>) => Promise<unknown>;
  readonly begin: () => void;
  /**
   * @param fails - whether the function inside has failed, or what the call did after it
   * @returns how the call ends where `fails` does not say it
   */
  readonly end: (fails: boolean) => string | void;
}

export function nested<T>(world: World<T>, truth: Truth, command: Nesting): Nested {
  const { backend, optimizer, set } = world;
  switch (command.kind) {
    case 'step':
      optimizer.hasStepped = false;
      return {
        within: (fn) =>
          world.swa.step(async () => {
            await fn();
            world.next = world.draw();
          }),
        begin: () => truth.beginStep(),
        end: (fails) =>
          truth.endStep(optimizer.hasStepped ? world.next.map(numbersOf) : undefined, fails),
      };
    case 'withAveraged':
      return {
        within: (fn) => world[command.of].withAveraged(fn, optionsOf(world, command)),
        begin: () => truth.show(command, 'withAveraged'),
        end: () => truth.model.takeBack(command.of),
      };
    case 'withStateDict':
      return {
        within: (fn) => world[command.of].withStateDict(fn),
        begin: () => truth.beginState(command.of),
        end: () => void (truth.holders[command.of].isBusy = false),
      };
    case 'withWeights':
    case 'withCopy': {
      const { batchNorm, kind } = command;
      const values = world.draw();
      const weights = world.named(values);
      const options = batchNorm ? { batchNorm: world.batchNorm } : {};
      return {
        async within(fn) {
          if (kind === 'withWeights') return set.withWeights(weights, fn, options);
          const copies = await backend.upload(Object.values(weights));
          try {
            return await set.withCopy(copies, fn, options);
          } finally {
            await backend.dispose(copies);
          }
        },
        begin: () => truth.showWeights(values.map(numbersOf), batchNorm),
        end: () => truth.model.takeBack('set'),
      };
    }
    default:
      throw new TypeError((command satisfies never as Command).kind);
  }
}
