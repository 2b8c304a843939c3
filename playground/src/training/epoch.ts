// What an epoch leaves behind: its scores and pictures for the page, and its weights.
import type { NamedTensors } from '@polyak/core';
import { packed } from '../packed.js';
import type { EpochView } from '../view.js';
import type { Explorer } from './explorer.js';
import type { RuleName } from './rules.js';
import { rules } from './rules.js';
import type { Run } from './run.js';
import type { Scores } from './scores.js';
import { scoresOf } from './scores.js';

/** The weights after an epoch. */
export type Visited = {
  readonly live: NamedTensors;
  readonly decayed: NamedTensors;
  /** The average that was shown, from its first update on. */
  readonly average: NamedTensors | null;
};

/** Scores the weights of a run between two steps. */
export async function epochOf(run: Run, explorer: Explorer): Promise<EpochView> {
  const { train, test, averaged, controls } = run;
  const live = await scoresOf(run.live.model, train, test);
  const decayed = await scoresOf(run.decayed.model, train, test);
  const picture = packed(await explorer.predictions());
  const base = { epoch: run.epoch, rate: controls.rate, live, decayed };
  if (averaged.nAvg === 0) return { ...base, predictions: { live: picture } };

  const averages: [string, Scores][] = [];
  let average = '';
  for (const name of Object.keys(rules)) {
    const options = { average: name, ...run.live.batchNorm.options };
    averages.push([
      name,
      await averaged.withAveraged(async () => {
        if (name === controls.rule) average = packed(await explorer.predictions());
        return scoresOf(run.live.model, train, test);
      }, options),
    ]);
  }
  return {
    ...base,
    averages: Object.fromEntries(averages) as Record<RuleName, Scores>,
    predictions: { live: picture, average },
  };
}

/** Copies the weights of a run to the host. */
export async function visitedBy(run: Run): Promise<Visited> {
  return {
    live: await run.live.weights.read(),
    decayed: await run.decayed.weights.read(),
    average: (await run.average()) ?? null,
  };
}
