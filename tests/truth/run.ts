// Runs a script on a backend and on the reference at once, and compares them after each call.
import { PolyakError } from '@polyak/core';
import type { BackendHarness } from '@polyak/core/conformance';
import { isFloating } from '@polyak/core/interfaces';
import { call, optionsOf, tell } from './calls.js';
import { compareAverages, compareModel, requireSame, Violation } from './compare.js';
import { Truth } from './reference.js';
import type { Body, Command, Script } from './script.js';
import { numbersOf, World } from './world.js';

/** What the function of a user throws. */
class Thrown extends Error {}

/** What a script has tried. */
interface Tried {
  /** The largest error of an average, as a share of the size of the weights. */
  readonly error: number;
  /** How commands ended, such as `update: ERR_SWAPPED`. */
  readonly outcomes: ReadonlySet<string>;
}

/**
 * Runs a script. To repeat one that failed, pass what the error has printed.
 *
 * @throws Error that says what differs after which command
 */
export async function runScript<T>(harness: BackendHarness<T>, script: Script): Promise<Tried> {
  const { settings } = script;
  const commands = script.commands.filter((command) => command !== undefined);
  const world = await World.make(harness, settings);
  const isInteger = world.places.map(
    (place) => !isFloating(harness.backend.spec(place.get()).dtype),
  );
  const run = new Run(world, new Truth(settings, await world.held(), isInteger));
  const alive = await harness.liveTensors();
  try {
    await run.all(commands);
    await run.end();
    const left = (await harness.liveTensors()) - alive;
    requireSame('the number of tensors left', String(left), '0');
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    const text = JSON.stringify({ settings, commands });
    throw new Error(`${run.path}: ${error.message}. The script: ${text}`, { cause: error });
  }
  await world.close();
  return run;
}

type Pair = readonly [found: string, expected: string];

class Run<T> implements Tried {
  readonly #world: World<T>;
  readonly #truth: Truth;
  /** The commands under way, each with those around it. */
  path = '';
  error = 0;
  readonly outcomes: Set<string> = new Set();

  constructor(world: World<T>, truth: Truth) {
    this.#world = world;
    this.#truth = truth;
  }

  async all(commands: readonly Command[], isInside = false): Promise<void> {
    for (const [n, command] of commands.entries()) {
      const before = this.path;
      this.path = `${before}/${n} ${command.kind}`;
      await this.#one(command);
      if (!isInside) {
        this.error = Math.max(this.error, await compareAverages(this.#world, this.#truth));
      }
      this.path = before;
    }
  }

  /** Takes everything out of the model, and frees it. */
  async end(): Promise<void> {
    for (const of of ['swa', 'ema'] as const) {
      if (this.#world[of].isSwapped) {
        await this.all([{ kind: 'swap', of, batchNorm: false, recallable: false }]);
      }
    }
    await this.all([{ kind: 'recall' }]);
    for (const of of ['swa', 'ema'] as const)
      await this.all([{ kind: 'dispose', of, keep: 'live' }]);
  }

  async #one(command: Command): Promise<void> {
    const [found, expected] = await this.#pair(command);
    requireSame('the outcome', found, expected);
    await compareModel(this.#world, this.#truth);
    this.outcomes.add(`${command.kind}: ${found}`);
  }

  /** What became of a command, and what must have become of it. */
  async #pair(command: Command): Promise<Pair> {
    const [world, truth] = [this.#world, this.#truth];
    switch (command.kind) {
      case 'train': {
        const values = world.draw(command.broken);
        await world.train(values);
        truth.train(values.map(numbersOf));
        return ['done', 'done'];
      }
      case 'step': {
        world.optimizer.hasStepped = false;
        const end = (outcome: string): string =>
          truth.endStep(
            world.optimizer.hasStepped ? world.next.map(numbersOf) : undefined,
            outcome !== 'done',
          );
        const step = (fn: () => Promise<void>): Promise<unknown> =>
          world.swa.step(async () => {
            await fn();
            world.next = world.draw();
          });
        return this.#within(command, step, () => truth.beginStep(), end);
      }
      case 'withAveraged': {
        const within = (fn: () => Promise<void>): Promise<void> =>
          world[command.of].withAveraged(fn, optionsOf(world, command));
        const begin = (): void => truth.show(command, 'withAveraged');
        return this.#within(command, within, begin, () => truth.takeBack(command.of));
      }
      case 'withStateDict': {
        const own = command.of;
        const end = (): void => {
          truth.holders[own].isBusy = false;
        };
        return this.#within(
          command,
          (fn) => world[own].withStateDict(fn),
          () => truth.beginState(own),
          end,
        );
      }
      case 'withWeights':
      case 'withCopy': {
        const { batchNorm, kind } = command;
        const values = world.draw();
        const weights = world.named(values);
        const options = batchNorm ? { batchNorm: world.batchNorm } : {};
        const within = async (fn: () => Promise<void>): Promise<void> => {
          if (kind === 'withWeights') return world.set.withWeights(weights, fn, options);
          const copies = await world.backend.upload(Object.values(weights));
          try {
            return await world.set.withCopy(copies, fn, options);
          } finally {
            await world.backend.dispose(copies);
          }
        };
        const begin = (): void => truth.showWeights(values.map(numbersOf), batchNorm);
        return this.#within(command, within, begin, () => truth.takeBack('set'));
      }
      case 'misshape': {
        const isLent = Object.values(truth.holders).some(({ loan }) => loan !== undefined);
        world.misshapen = truth.misshapen = isLent ? undefined : command.place;
        const pair = await this.#pair(command.command);
        world.misshapen = truth.misshapen = undefined;
        return pair;
      }
      case 'together':
        return this.#together(command.commands);
      case 'resume': {
        const pair = await this.#pair({ kind: 'dispose', of: command.of, keep: 'live' });
        if (pair[0] !== pair[1] || !['done', 'ERR_DISPOSED'].includes(pair[0])) return pair;
        world.make(command.of);
        truth.make(command.of);
        return this.#pair({ kind: 'loadStateDict', of: command.of });
      }
      default: {
        const values = command.kind === 'write' ? world.draw() : [];
        const found = await outcomeOf(() => call(world, command, values));
        return [found, truth.attempt(() => tell(truth, command, values))];
      }
    }
  }

  /** A call with others inside of it. */
  async #within(
    { body, fails }: Body,
    within: (fn: () => Promise<void>) => Promise<unknown>,
    begin: () => void,
    end: (outcome: string) => string | void,
  ): Promise<Pair> {
    const [world, truth] = [this.#world, this.#truth];
    let isIn = false;
    const found = await outcomeOf(() =>
      within(async () => {
        isIn = true;
        requireSame('how it began', 'done', truth.attempt(begin));
        await compareModel(world, truth);
        await this.all(body, true);
        if (fails) throw new Thrown();
      }),
    );
    if (isIn) {
      const outcome = fails ? 'thrown' : 'done';
      return [found, end(outcome) ?? outcome];
    }
    const expected = truth.attempt(begin);
    return [found, expected === 'done' ? 'begun' : expected];
  }

  /** Calls that all begin before any has finished. */
  async #together(commands: readonly Command[]): Promise<Pair> {
    const [world, truth] = [this.#world, this.#truth];
    const outcomes = await Promise.all(
      commands.map((command) => outcomeOf(() => call(world, command, []))),
    );
    const expected = commands.map((command, n) => {
      const found = outcomes[n] ?? '';
      // Where calls take time, those that come too early are refused.
      const isEarly = n > 0 && ['ERR_BUSY', 'ERR_SWAPPED'].includes(found);
      const isRefused = isEarly && !world.backend.isSynchronous;
      return isRefused ? found : truth.attempt(() => tell(truth, command, []));
    });
    return [outcomes.join(), expected.join()];
  }
}

/** `done`, or the code of what was thrown. */
async function outcomeOf(run: () => Promise<unknown> | undefined): Promise<string> {
  try {
    await run();
    return 'done';
  } catch (error) {
    if (error instanceof Thrown) return 'thrown';
    if (PolyakError.is(error)) return error.code;
    if (error instanceof RangeError) return 'RangeError';
    if (error instanceof Violation) throw error;
    throw new Violation(`an error from inside: ${String(error)}`, { cause: error });
  }
}
