// The calls without others inside of them, made on a world and told to the reference.
import { bnUpdate, fromSafetensors, toSafetensors } from '@polyak/core';
import type { SwapOptions } from '@polyak/core';
import type { HostTensor } from '@polyak/core/interfaces';
import { OWN } from './reference/held.js';
import type { Truth } from './reference/reference.js';
import { NO_AVERAGE } from './script.js';
import type { Command, Owner, Shown } from './script.js';
import { numbersOf } from './world.js';
import type { World } from './world.js';

/**
 * Makes a call.
 *
 * @param values - other weights, for a call that takes some
 */
export function call<T>(
  world: World<T>,
  command: Command,
  values: readonly HostTensor[],
): Promise<unknown> | undefined {
  const { swa, set, bn, late, saved } = world;
  switch (command.kind) {
    case 'update':
      return command.of === 'swa' ? swa.updateSwa() : world.ema.update();
    case 'updateSwaGroup': {
      const group = swa.paramGroups[command.group % swa.paramGroups.length];
      return group && swa.updateSwaGroup(group);
    }
    case 'resetLr':
      swa.resetLr();
      return undefined;
    case 'swap': {
      const options = { ...optionsOf(world, command), recallable: command.recallable };
      return command.of === 'swa' ? swa.swapSwaSgd(options) : world.ema.swap(options);
    }
    case 'stateDict':
      return save(world, command.of);
    case 'loadStateDict': {
      const bytes = saved[command.of];
      return bytes && world[command.of].loadStateDict(fromSafetensors(bytes));
    }
    case 'dispose':
      return world[command.of].dispose({ keep: command.keep });
    case 'addParamGroup':
      return late[0] && swa.addParamGroup({ params: [late[0]], lr: 0.125 });
    case 'read':
      return set.read();
    case 'copy':
      return set.copy().then((copies) => world.backend.dispose(copies));
    case 'write':
      return set.write(world.named(values));
    case 'recall':
      return set.recall();
    case 'bnUpdate':
      return bnUpdate(bn.loader, bn);
    default:
      throw new TypeError(command.kind);
  }
}

async function save<T>(world: World<T>, of: Owner): Promise<void> {
  world.saved[of] = toSafetensors(await world[of].stateDict());
}

/** Tells the reference of a call. */
export function tell(truth: Truth, command: Command, values: readonly HostTensor[]): void {
  const { groups } = truth.holders.swa;
  switch (command.kind) {
    case 'update':
      return truth.update(command.of);
    case 'updateSwaGroup':
      return truth.update('swa', command.group % groups.length);
    case 'resetLr':
      return truth.resetLr();
    case 'swap':
      return truth.swap(command, command.recallable);
    case 'stateDict':
      return truth.save(command.of);
    case 'loadStateDict':
      return truth.load(command.of);
    case 'dispose':
      return truth.dispose(command.of, command.keep);
    case 'addParamGroup':
      return groups.length < 4 ? truth.addParamGroup(2 + groups.length) : undefined;
    case 'read':
    case 'copy':
      return truth.read();
    case 'write':
      return truth.write(values.map(numbersOf));
    case 'recall':
      return truth.model.requireLive(OWN);
    case 'bnUpdate':
      return truth.model.bnUpdate();
    default:
      throw new TypeError(command.kind);
  }
}

/** The options that a command stands for. */
export function optionsOf<T>(
  world: World<T>,
  { of, average, batchNorm }: Shown,
): SwapOptions<number> {
  const names = world.settings[of];
  const isNone = average === NO_AVERAGE;
  return {
    ...(average === undefined
      ? {}
      : { average: isNone ? 'none' : (names[average % names.length] ?? '') }),
    ...(batchNorm ? { batchNorm: world.batchNorm } : {}),
  };
}
