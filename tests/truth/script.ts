// Scripts: what a training with several averages of one model does, as plain data that shrinks.
import * as fc from 'fast-check';
import type { NonFinitePolicy } from '@polyak/core';
import type { Plan } from './faults.js';
import { RULES } from './reference/rules.js';
import type { RuleName } from './reference/rules.js';

/** An object that averages: an SWA around the optimizer, or an AveragedModel. */
export type Owner = 'swa' | 'ema';

/** What is averaged, and how. */
export interface Settings {
  readonly swa: readonly RuleName[];
  readonly ema: readonly RuleName[];
  readonly mode: { readonly swaStart?: number; readonly swaFreq?: number; readonly swaLr?: number };
  readonly nonFinite: NonFinitePolicy;
  /** The size of the weights. */
  readonly size: number;
  readonly isWatched: boolean;
}

/** The average that does not exist, in the place of one. */
export const NO_AVERAGE = 3;

/** Which average to put into the model, modulo their number. */
export interface Shown {
  readonly of: Owner;
  readonly average?: number | undefined;
  readonly batchNorm: boolean;
}

/** Calls inside of a call, at whose end the user's function may throw. */
export interface Body {
  readonly body: readonly Command[];
  readonly fails: boolean;
}

/** One public call, or other weights in the model by other means. */
export type Command =
  | { readonly kind: 'train'; readonly broken?: number | undefined }
  | { readonly kind: 'update'; readonly of: Owner }
  | { readonly kind: 'updateSwaGroup'; readonly group: number }
  | ({ readonly kind: 'step' } & Body)
  | ({ readonly kind: 'swap'; readonly recallable: boolean } & Shown)
  | ({ readonly kind: 'withAveraged' } & Shown & Body)
  | ({ readonly kind: 'withStateDict'; readonly of: Owner } & Body)
  | { readonly kind: 'stateDict' | 'loadStateDict' | 'resume'; readonly of: Owner }
  | { readonly kind: 'dispose'; readonly of: Owner; readonly keep: 'live' | 'averages' }
  | {
      readonly kind:
        'resetLr' | 'addParamGroup' | 'read' | 'copy' | 'write' | 'recall' | 'bnUpdate';
    }
  | ({ readonly kind: 'withWeights' | 'withCopy'; readonly batchNorm: boolean } & Body)
  | { readonly kind: 'misshape'; readonly place: number; readonly command: Command }
  | { readonly kind: 'together'; readonly commands: readonly Command[] };

/** A script. Where it shrinks, commands are undefined: left out. */
export interface Script {
  readonly settings: Settings;
  readonly commands: readonly (Command | undefined)[];
  /** Calls that fail. */
  readonly faults?: readonly Plan[];
}

const of = fc.constantFrom('swa', 'ema');
const batchNorm = fc.boolean();
const average = fc.oneof(
  { arbitrary: fc.constant(undefined), weight: 4 },
  { arbitrary: fc.nat(2), weight: 4 },
  { arbitrary: fc.constant(NO_AVERAGE), weight: 1 },
);
const fails = fc.oneof(
  { arbitrary: fc.constant(false), weight: 4 },
  { arbitrary: fc.constant(true), weight: 1 },
);
const shown = { of, average, batchNorm };

const train: fc.Arbitrary<Command> = fc.record({
  kind: fc.constant('train'),
  broken: fc.oneof(
    { arbitrary: fc.constant(undefined), weight: 7 },
    { arbitrary: fc.nat(5), weight: 1 },
  ),
});
const update: fc.Arbitrary<Command> = fc.record({ kind: fc.constant('update'), of });
const swap: fc.Arbitrary<Command> = fc.record({
  kind: fc.constant('swap'),
  ...shown,
  recallable: fc.boolean(),
});
const updateSwaGroup: fc.Arbitrary<Command> = fc.record({
  kind: fc.constant('updateSwaGroup'),
  group: fc.nat(3),
});
const dispose: fc.Arbitrary<Command> = fc.record({
  kind: fc.constant('dispose'),
  of,
  keep: fc.constantFrom('live', 'averages'),
});
const onModel: fc.Arbitrary<Command> = fc.record({
  kind: fc.constantFrom('read', 'copy', 'recall'),
});
const others: fc.Arbitrary<Command> = fc.record({
  kind: fc.constantFrom('addParamGroup', 'write', 'bnUpdate', 'resetLr'),
});
const state: fc.Arbitrary<Command> = fc.record({
  kind: fc.constantFrom('stateDict', 'loadStateDict', 'resume', 'resume', 'resume'),
  of,
});

/** Calls that begin at once, before any has finished. None waits for a function of the user. */
const together: fc.Arbitrary<Command> = fc.record({
  kind: fc.constant('together'),
  commands: fc.array(
    fc.oneof(
      update,
      updateSwaGroup,
      swap.map((command) => ({ ...command, batchNorm: false })),
      dispose,
      onModel,
    ),
    { minLength: 2, maxLength: 3 },
  ),
});

function anyCommand(depth: number): fc.Arbitrary<Command> {
  const flat: readonly fc.WeightedArbitrary<Command>[] = [
    { arbitrary: train, weight: 6 },
    { arbitrary: update, weight: 8 },
    { arbitrary: swap, weight: 4 },
    { arbitrary: state, weight: 5 },
    { arbitrary: updateSwaGroup, weight: 2 },
    { arbitrary: dispose, weight: 1 },
    { arbitrary: onModel, weight: 1 },
    { arbitrary: others, weight: 2 },
  ];
  if (depth === 0) return fc.oneof(...flat);
  const inner = { body: fc.array(anyCommand(depth - 1), { maxLength: 4 }), fails };
  const misshaped = fc.oneof(update, updateSwaGroup, swap, others, onModel);
  return fc.oneof(
    ...flat,
    { arbitrary: fc.record({ kind: fc.constant('step'), ...inner }), weight: 4 },
    { arbitrary: fc.record({ kind: fc.constant('withAveraged'), ...shown, ...inner }), weight: 2 },
    { arbitrary: fc.record({ kind: fc.constant('withStateDict'), of, ...inner }), weight: 1 },
    {
      arbitrary: fc.record({
        kind: fc.constantFrom('withWeights', 'withCopy'),
        batchNorm,
        ...inner,
      }),
      weight: 1,
    },
    {
      arbitrary: fc.record({
        kind: fc.constant('misshape'),
        place: fc.nat(3),
        command: misshaped,
      }),
      weight: 1,
    },
    { arbitrary: together, weight: 2 },
  );
}

const rules = fc.uniqueArray(fc.constantFrom(...(Object.keys(RULES) as RuleName[])), {
  minLength: 1,
  maxLength: 3,
});

const settings: fc.Arbitrary<Settings> = fc.record({
  swa: rules,
  ema: rules,
  mode: fc.oneof(
    fc.constant({}),
    fc.record(
      {
        swaStart: fc.nat(5),
        swaFreq: fc.integer({ min: 1, max: 3 }),
        swaLr: fc.constantFrom(0, 0.05),
      },
      { requiredKeys: ['swaStart', 'swaFreq'] },
    ),
  ),
  nonFinite: fc.constantFrom('refuse', 'skip', 'allow'),
  size: fc.constantFrom(1, 1, 1, 1e-20, 3e38),
  isWatched: fc.boolean(),
});

// An array with a least length would not shrink below it.
const commands = fc.array(fc.option(anyCommand(2), { nil: undefined, freq: 1_000_000 }), {
  minLength: 100,
  maxLength: 130,
  size: 'max',
});

/** Scripts of 100 to 130 operations, each with the operations inside of it. */
export const anyScript: fc.Arbitrary<Script> = fc.record({
  settings,
  commands,
});

/** Failures, of which some come right after another. */
const faults: fc.Arbitrary<readonly Plan[]> = fc.array(
  fc.record({
    gap: fc.oneof({ arbitrary: fc.nat(40), weight: 3 }, { arbitrary: fc.constant(0), weight: 1 }),
    rejects: fc.boolean(),
    isLate: fc.boolean(),
  }),
  { minLength: 1, maxLength: 60, size: 'max' },
);

/** The same, in which calls fail. */
export const anyScriptWithFaults: fc.Arbitrary<Script> = fc.record({ settings, commands, faults });
