// What a run of the toy module gives, computed here, without a fleet.
import { createHash } from 'node:crypto';
import { mergeAverages } from '@polyak/core';
import type { NamedTensors } from '@polyak/core';
import type { Contribution, RoundPlan, Settings, TrainRequest } from '@polyak/fleet';

const TOY: string = new URL('toy.mjs', import.meta.url).href;

/** The weights that the runs of the tests begin with. */
export const WEIGHTS = {
  w: { dtype: 'float32', shape: [3], data: Float32Array.of(0.5, -1.25, 3) },
  b: { dtype: 'float64', shape: [1], data: Float64Array.of(0.1) },
} as const;

/** The elements of weights. */
export function valuesOf({ w, b }: NamedTensors): readonly number[] {
  return [...((w?.data ?? []) as Float32Array), ...((b?.data ?? []) as Float64Array)];
}

/** A round in which every worker contributed, and what came of it. */
export interface ReferenceRound {
  readonly contributions: readonly Contribution[];
  readonly weights: NamedTensors;
}

/** A run in which every worker contributes to every round, and rounds take the mean. */
export async function referenceRounds(
  rounds: readonly RoundPlan[],
  seed: number,
): Promise<readonly ReferenceRound[]> {
  const done: ReferenceRound[] = [];
  for (const [round, plan] of rounds.entries()) {
    const before = done.at(-1);
    const start = before?.weights ?? WEIGHTS;
    const all = await contributions(plan, round, seed, start, before?.contributions);
    const averages = all.map(({ weights: mean, samples }) => ({
      mean,
      weight: plan.weighting === 'samples' ? samples : 1,
    }));
    done.push({ contributions: all, weights: mergeAverages(averages).mean });
  }
  return done;
}

/** The weights after such a run. */
export async function reference(rounds: readonly RoundPlan[], seed = 0): Promise<NamedTensors> {
  return (await referenceRounds(rounds, seed)).at(-1)?.weights ?? WEIGHTS;
}

/** The contributions to a round. */
export async function contributions(
  { workers, steps, options = {} }: RoundPlan,
  round: number,
  seed: number,
  weights: NamedTensors,
  before: readonly Contribution[] = [],
): Promise<readonly Contribution[]> {
  const { train } = (await import(TOY)) as {
    train(request: TrainRequest): Promise<Contribution>;
  };
  const all: Contribution[] = [];
  for (let worker = 0; worker < workers; worker += 1) {
    const state = structuredClone(before[worker]?.state);
    const hash = createHash('sha256').update(`${seed}/${round}/${worker}`).digest();
    const { lr = 0.1 } = (Array.isArray(options) ? options[worker] : options) as Settings;
    const request = {
      weights: structuredClone(weights),
      ...(state === undefined ? {} : { state }),
      seed: hash.readUInt32LE(0),
      round,
      worker,
      workers,
      steps,
      options: { lr },
      signal: new AbortController().signal,
    };
    all.push(await train(request));
  }
  return all;
}
