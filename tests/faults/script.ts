// A script at random: the same operations on two models, in one of which a call fails. What can be
// seen of them must be the same before and after the failure, and once it has been tried again.
import type { BackendHarness } from '@polyak/core/conformance';
import { PolyakError } from '@polyak/core';
import { random } from '../support/sgd.js';
import { drawOperation, FIRST } from './operations.js';
import type { Operation } from './operations.js';
import { World } from './world.js';
import type { Outcome, Seen, Settings } from './world.js';

const LENGTH = 12;
const RULES = ['equal', 'several', 'window', 'compensated'] as const;

/** What a script that ran as it must has tried. */
export interface Tried {
  /** The operation in which a call failed, and the call; nothing where it makes no calls. */
  readonly fault: string | undefined;
}

/**
 * Runs the script of a seed.
 *
 * @throws Error that names the seed, the operation and the call where something is not as it was
 */
export async function runScript<T>(
  create: () => Promise<BackendHarness<T>> | BackendHarness<T>,
  seed: number,
): Promise<Tried> {
  const next = random(seed);
  const draw = (count: number): number => Math.floor(next() * count);
  const settings: Settings = {
    seed,
    rules: RULES[draw(RULES.length)] ?? 'equal',
    isWatched: draw(3) === 0,
  };
  const [right, faulty] = [
    await World.make(await create(), settings),
    await World.make(await create(), settings),
  ];
  let due = draw(LENGTH);
  let fault: string | undefined;
  const done: string[] = [];
  for (let n = 0; n < LENGTH; n += 1) {
    right.now = faulty.now = n + 1;
    // Without an average there is nothing to swap.
    const operation = n < 1 ? FIRST : drawOperation(draw);
    done.push(operation.name);
    const at = `seed ${seed}, ${JSON.stringify(settings)}, ${done.join('; ')}`;
    if (n === due) {
      fault = await runWithFault(right, faulty, operation, draw, at);
      // An operation that was refused at once makes no calls: the next one, then.
      if (fault === undefined) due += 1;
    } else {
      const [expected, found] = [await right.run(operation.run), await faulty.run(operation.run)];
      requireSameOutcome(found, expected, at);
    }
  }
  requireSame(
    await faulty.see(),
    await right.see(),
    `seed ${seed}, at the end: ${done.join('; ')}`,
  );
  for (const world of [right, faulty]) await finish(world, `seed ${seed}: ${done.join('; ')}`);
  return { fault };
}

async function runWithFault<T>(
  right: World<T>,
  faulty: World<T>,
  operation: Operation,
  draw: (count: number) => number,
  where: string,
): Promise<string | undefined> {
  const before = await faulty.see();
  requireSame(before, await right.see(), `${where}, before`);
  const expected = await right.run(operation.run);
  const { calls } = right.faults;
  const after = await right.see();
  if (expected.kind === 'failed') requireSame(after, before, `${where}, refused`);
  if (calls === 0) {
    requireSameOutcome(await faulty.run(operation.run), expected, where);
    return undefined;
  }
  const plan = { place: draw(calls), rejects: draw(2) === 0, isLate: draw(2) === 0 };
  const warned = faulty.warnings.length;
  let found = await faulty.run(operation.run, plan);
  const { hit } = faulty.faults;
  const at = `${where}, fault at ${plan.place} of ${calls}: ${hit} ${JSON.stringify(plan)}`;
  const isFault = found.kind === 'failed' && !PolyakError.is(found.error);
  if (isFault) {
    requireSame(await faulty.see(), before, `${at}, failed`);
    found = await faulty.run(operation.run);
  } else if (hit === 'dispose' || hit === 'onUpdate') {
    if (faulty.warnings.length === warned) throw new Error(`${at}: nobody was told.`);
  }
  requireSameOutcome(found, expected, at);
  requireSame(await faulty.see(), after, `${at}, ${isFault ? 'tried again' : 'done'}`);
  return `${operation.name}: ${hit}`;
}

/** Frees everything, and requires that nothing is left. */
async function finish<T>(world: World<T>, where: string): Promise<void> {
  const ends: readonly (() => Promise<unknown>)[] = [
    async () => {
      if (world.averaged.isSwapped) await world.averaged.swap();
    },
    async () => world.averaged.dispose(),
    async () => world.members.dispose(),
  ];
  for (const end of ends) {
    const outcome = await world.run(end);
    if (outcome.kind === 'failed') throw new Error(where, { cause: outcome.error });
  }
  if (world.alive !== 0) throw new Error(`${where}: ${world.alive} tensors are left.`);
  await world.close();
}

function requireSameOutcome(found: Outcome, expected: Outcome, where: string): void {
  const [a, b] = [written(found), written(expected)];
  if (a !== b) throw new Error(`${where}: ${a}, expected ${b}.`, causeOf(found));
}

function causeOf(outcome: Outcome): ErrorOptions {
  return outcome.kind === 'failed' ? { cause: outcome.error } : {};
}

function written(outcome: Outcome): string {
  if (outcome.kind === 'done') return `done, ${outcome.result}`;
  const { error } = outcome;
  return PolyakError.is(error) ? `failed with ${error.code}` : `failed with ${String(error)}`;
}

function requireSame(found: Seen, expected: Seen, where: string): void {
  for (const [part, text] of Object.entries(expected)) {
    if (found[part] === text) continue;
    throw new Error(`${where}: ${part} is ${found[part]}, expected ${text}.`);
  }
}
