// Runs a script on a backend and on the reference at once, and compares them after each call.
import type { BackendHarness } from '@polyak/core/conformance';
import { isFloating } from '@polyak/core/interfaces';
import { call, tell } from './calls.js';
import { compareAverages, compareModel, requireSame, Violation } from './compare.js';
import { isFault } from './faults.js';
import { nested } from './nested.js';
import type { Nesting } from './nested.js';
import { outcomeOf, Thrown } from './outcome.js';
import type { Outcome } from './outcome.js';
import { Recovery } from './recovery.js';
import { Truth } from './reference/reference.js';
import type { Command, Script } from './script.js';
import { numbersOf, World } from './world.js';

/** What a script has tried. */
interface Tried {
  /** The largest error of an average, as a share of the size of the weights. */
  readonly error: number;
  /** How commands ended, such as `update: ERR_SWAPPED`. */
  readonly outcomes: ReadonlySet<string>;
  /** The calls that failed as planned, by name. */
  readonly hits: readonly string[];
}

/**
 * Runs a script. To repeat one that failed, pass what the error has printed.
 *
 * @throws Error that says what differs after which command
 */
export async function runScript<T>(harness: BackendHarness<T>, script: Script): Promise<Tried> {
  const { settings, faults = [] } = script;
  const commands = script.commands.filter((command) => command !== undefined);
  const world = await World.make(harness, settings);
  const isInteger = world.places.map(
    (place) => !isFloating(harness.backend.spec(place.get()).dtype),
  );
  const run = new Run(world, new Truth(settings, await world.held(), isInteger));
  const alive = await harness.liveTensors();
  try {
    world.faults.start(faults);
    await run.all(commands);
    world.faults.start([]);
    await run.end();
    const left = (await harness.liveTensors()) - alive;
    requireSame('the number of tensors left', String(left), '0');
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    const text = JSON.stringify({ settings, commands, faults });
    throw new Error(`${run.path}: ${error.message}. The script: ${text}`, { cause: error });
  }
  await world.close();
  return run;
}

/** How a command ended, and how it must have ended. */
type Pair = readonly [found: Outcome, expected: string];

class Run<T> implements Tried {
  readonly #world: World<T>;
  readonly #truth: Truth;
  readonly #recovery: Recovery<T>;
  /** The number of failures before the part of a command that is under way. */
  #before = 0;
  /** The commands under way, each with those around it. */
  path = '';
  error = 0;
  readonly outcomes: Set<string> = new Set();

  constructor(world: World<T>, truth: Truth) {
    this.#world = world;
    this.#truth = truth;
    this.#recovery = new Recovery(world, truth);
  }

  get hits(): readonly string[] {
    return this.#world.faults.hits;
  }

  async all(commands: readonly Command[], isInside = false): Promise<void> {
    const [world, truth] = [this.#world, this.#truth];
    for (const [n, command] of commands.entries()) {
      const before = this.path;
      this.path = `${before}/${n} ${command.kind}`;
      // What has failed is tried again.
      while ((await this.#one(command)) === 'fault');
      if (!isInside) {
        const error = await world.faults.without(() => compareAverages(world, truth));
        this.error = Math.max(this.error, error);
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

  async #one(command: Command): Promise<string> {
    const [world, truth] = [this.#world, this.#truth];
    this.#begin();
    const [found, expected] = await this.#pair(command);
    requireSame('the outcome', found.kind, expected);
    const failed = this.hits.slice(this.#before);
    // A `dispose` that has failed the call has not been done, like the rest of it.
    if (found.kind !== 'fault' || failed[0] !== 'dispose') await world.freeLeft();
    if (found.kind === 'fault' && (failed.length > 1 || hasOther(found.error))) {
      await world.faults.without(() => this.#recovery.recover(command, found.error));
    }
    await compareModel(world, truth);
    this.outcomes.add(`${command.kind}: ${found.kind}`);
    return found.kind;
  }

  /**
   * Begins a part of a command, in which two calls fail at most; one inside of a call of an object,
   * which could not be asked to put the live weights back.
   */
  #begin(): void {
    const { swa, ema } = this.#truth.holders;
    this.#before = this.hits.length;
    this.#world.faults.limit = this.#before + (swa.isBusy || ema.isBusy ? 1 : 2);
  }

  /** What became of a command, and what must have become of it. */
  async #pair(command: Command): Promise<Pair> {
    const [world, truth] = [this.#world, this.#truth];
    switch (command.kind) {
      case 'train': {
        const values = world.draw(command.broken);
        await world.train(values);
        truth.model.train(values.map(numbersOf));
        return [{ kind: 'done' }, 'done'];
      }
      case 'step':
      case 'withAveraged':
      case 'withStateDict':
      case 'withWeights':
      case 'withCopy':
        return this.#within(command);
      case 'misshape': {
        const isLent = Object.values(truth.model.loans).some((loan) => loan !== undefined);
        world.misshapen = truth.model.misshapen = isLent ? undefined : command.place;
        const pair = await this.#pair(command.command);
        world.misshapen = truth.model.misshapen = undefined;
        return pair;
      }
      case 'together':
        return this.#together(command.commands);
      case 'resume': {
        const pair = await this.#pair({ kind: 'dispose', of: command.of, keep: 'live' });
        const [{ kind }, expected] = pair;
        if (kind !== expected || !['done', 'ERR_DISPOSED'].includes(kind)) return pair;
        world.make(command.of);
        truth.make(command.of);
        return this.#pair({ kind: 'loadStateDict', of: command.of });
      }
      default: {
        const values = command.kind === 'write' ? world.draw() : [];
        const found = await outcomeOf(() => call(world, command, values));
        if (found.kind === 'fault') return [found, 'fault'];
        return [found, truth.attempt(() => tell(truth, command, values))];
      }
    }
  }

  /** A call with others inside of it. */
  async #within(command: Nesting): Promise<Pair> {
    const [world, truth] = [this.#world, this.#truth];
    const { within, begin, end } = nested(world, truth, command);
    const { body, fails } = command;
    let isIn = false;
    const found = await outcomeOf(() =>
      within(async () => {
        isIn = true;
        requireSame('how it began', 'done', truth.attempt(begin));
        await compareModel(world, truth);
        await this.all(body, true);
        this.#begin();
        await world.faults.call('fn', () => {});
        if (fails) throw new Thrown();
      }),
    );
    const hasFault = found.kind === 'fault';
    if (isIn) {
      const outcome = end(fails || hasFault) ?? (fails ? 'thrown' : 'done');
      return [found, hasFault ? 'fault' : outcome];
    }
    if (hasFault) {
      if (command.kind === 'step') this.#recovery.recallTaken();
      return [found, 'fault'];
    }
    const expected = truth.attempt(begin);
    return [found, expected === 'done' ? 'begun' : expected];
  }

  /** Calls that all begin before any has finished. */
  async #together(all: readonly Command[]): Promise<Pair> {
    const [world, truth] = [this.#world, this.#truth];
    const { faults } = world;
    // In half precision, what `dispose` keeps is rounded, which the reference learns afterwards.
    const last = all.findIndex((one) => one.kind === 'dispose' && one.keep === 'averages');
    const commands = world.isHalf && last >= 0 ? all.slice(0, last + 1) : all;
    // One failure at most: what two have left in the model, the next call would take out. Where a
    // weight is not finite, a call fails by itself.
    const isFinite = (await world.held()).flat().every(Number.isFinite);
    faults.limit = faults.hits.length + (isFinite ? 1 : 0);
    const outcomes = await Promise.all(
      commands.map((command) => outcomeOf(() => call(world, command, []))),
    );
    const isLate = !world.backend.isSynchronous || faults.hits.length === faults.limit;
    const expected = commands.map((command, n) => {
      const found = outcomes[n]?.kind ?? '';
      // Where calls take time, those that come too early are refused.
      const isEarly = isLate && n > 0 && ['ERR_BUSY', 'ERR_SWAPPED'].includes(found);
      const isRefused = isEarly || found === 'fault';
      return isRefused ? found : truth.attempt(() => tell(truth, command, []));
    });
    return [{ kind: outcomes.map(({ kind }) => kind).join() }, expected.join()];
  }
}

/** Whether a call has failed by itself, and then its undo by a fault. */
function hasOther(error: unknown): boolean {
  return error instanceof AggregateError && !error.errors.every(isFault);
}
