// What is left where two calls fail one after the other, and how it is put right.
import { OWN } from './reference/held.js';
import type { Truth } from './reference/reference.js';
import { requireSame } from './compare.js';
import { outcomeOf } from './outcome.js';
import type { Command, Owner } from './script.js';
import type { World } from './world.js';

const OWNERS = ['swa', 'ema'] as const;

export class Recovery<T> {
  readonly #world: World<T>;
  readonly #truth: Truth;

  constructor(world: World<T>, truth: Truth) {
    this.#world = world;
    this.#truth = truth;
  }

  /** What was left in the model is taken out before the optimizer steps, and stays out. */
  recallTaken(): void {
    const { model } = this.#truth;
    for (const of of OWNERS) {
      if (!this.#world[of].isSwapped && model.loans[of]?.isLeft === true) model.takeBack(of);
    }
  }

  /**
   * Puts the live weights back: by the next swap, or by `recall`.
   *
   * @param error - what the command has thrown
   */
  async recover(command: Command, error: unknown): Promise<void> {
    if (command.kind === 'misshape') return this.recover(command.command, error);
    const [world, truth] = [this.#world, this.#truth];
    const { model } = truth;
    for (const of of OWNERS) {
      if (world[of].isSwapped && model.loans[of] === undefined) await this.#takeOut(of);
    }
    model.adopt(await world.held());
    for (const of of OWNERS) {
      const loan = model.loans[of];
      const isOwn = 'of' in command && command.of === of;
      if (loan?.isLeft !== true || truth.holders[of].isBusy) continue;
      if (loan.isTrained || isOwn) await this.#takeOut(of);
    }
    if (command.kind === 'withWeights' || command.kind === 'withCopy') {
      const { kind } = await outcomeOf(() => world.set.recall());
      requireSame(
        'recall',
        kind,
        truth.attempt(() => model.requireLive(OWN)),
      );
    }
    // What cannot be put back is named.
    const lost = [...namesIn(error)].map((name) => world.places.findIndex((p) => p.name === name));
    const isPartly = error instanceof AggregateError;
    if (isPartly && command.kind === 'write') lost.push(...OWN);
    if (isPartly && command.kind === 'bnUpdate') lost.push(world.places.length);
    const held = await world.held();
    for (const place of lost) model.values[place] = [...(held[place] ?? [])];
  }

  async #takeOut(of: Owner): Promise<void> {
    const { swa, ema } = this.#world;
    const { kind } = await outcomeOf(() => (of === 'swa' ? swa.swapSwaSgd() : ema.swap()));
    requireSame(`the swap of ${of} that takes out`, kind, 'done');
    this.#truth.model.takeBack(of);
  }
}

/** The places that must be set again, by the messages of these errors. */
function* namesIn(error: unknown): Iterable<string> {
  if (!(error instanceof AggregateError)) return;
  const [, names = ''] = /and then (.*) could not be set back/.exec(error.message) ?? [];
  for (const [, name = ''] of names.matchAll(/"(.*?)"/g)) yield name;
  for (const one of error.errors) yield* namesIn(one);
}
