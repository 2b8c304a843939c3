// The averages that are updated while a leg trains, by the library's `AveragedModel`.
import { AveragedModel } from '@polyak/core';
import type { NamedTensors, StateTree } from '@polyak/core';
import { equal, exponential, rationalWarmUp } from '@polyak/core/rules';
import type { AveragingRule } from '@polyak/core/rules';
import type * as TensorFlow from '@tensorflow/tfjs';

import type { Batch } from '../data/batches.js';
import type { Images } from '../data/cifar10.js';
import { type Score, scoreOf } from '../methods/score.js';
import type { Network } from '../network/network.js';
import type { Observer, Rule } from '../plan/leg.js';

/** An average, scored with the batch-norm statistics that training left, and with its own. */
export interface AverageScore {
  readonly name: string;
  readonly oldStatistics: Score;
  readonly updatedStatistics: Score;
}

/** The observers of a leg. */
export interface Observers {
  /** Updates the averages that are due after so many steps since the beginning of the training. */
  afterStep(steps: number): Promise<void>;
  /** Scores the averages that are to be scored and have begun. */
  score(images: Images, batches: Iterable<Batch>): Promise<readonly AverageScore[]>;
  /** The averages that are to be kept after an epoch, by observer and name. */
  keptAfter(epoch: number): Promise<readonly (readonly [string, NamedTensors])[]>;
  /** All averages, by observer. */
  state(): Promise<Readonly<Record<string, StateTree>>>;
  /** Goes on from the averages of observers of the same names; the others stay empty. */
  restore(state: Readonly<Record<string, StateTree>>): Promise<void>;
  dispose(): Promise<void>;
}

/** The observers of a leg, before any update. */
export function createObservers(
  { parameters, backend, batchNormOn, predict }: Network,
  observers: readonly Observer[],
  stepsPerEpoch: number,
): Observers {
  const all = observers.map((observer) => ({
    observer,
    averaged: new AveragedModel<TensorFlow.Tensor>(parameters, {
      backend,
      averages: Object.fromEntries(
        Object.entries(observer.averages).map(([name, rule]) => [name, ruleOf(rule)]),
      ),
    }),
  }));
  return {
    async afterStep(steps) {
      for (const { observer, averaged } of all) {
        const sinceStart = steps - Math.round(observer.from * stepsPerEpoch);
        const isOver = steps > stepsPerEpoch * Math.max(...observer.keptAfter);
        if (sinceStart > 0 && sinceStart % observer.every === 0 && !isOver) await averaged.update();
      }
    },
    async score(images, batches) {
      const scores: AverageScore[] = [];
      const scored = async (): Promise<Score> => scoreOf(await predict(images), images.labels);
      for (const { observer, averaged } of all) {
        if (!observer.isScored || averaged.nAvg === 0) continue;
        const batchNorm = batchNormOn(batches);
        scores.push({
          name: observer.name,
          oldStatistics: await averaged.withAveraged(scored),
          updatedStatistics: await averaged.withAveraged(scored, { batchNorm }),
        });
      }
      return scores;
    },
    async keptAfter(epoch) {
      const kept: (readonly [string, NamedTensors])[] = [];
      for (const { observer, averaged } of all) {
        if (!observer.keptAfter.includes(epoch)) continue;
        const { averages } = await averaged.stateDict();
        for (const [name, { swaState }] of Object.entries(averages)) {
          kept.push([name === 'swa' ? observer.name : name, swaState]);
        }
      }
      return kept;
    },
    async state() {
      const states = all.map(
        async ({ observer, averaged }) => [observer.name, await averaged.stateDict()] as const,
      );
      return Object.fromEntries(await Promise.all(states));
    },
    async restore(state) {
      for (const { observer, averaged } of all) {
        const own = state[observer.name];
        if (own !== undefined) await averaged.loadStateDict(own);
      }
    },
    async dispose() {
      for (const { averaged } of all) await averaged.dispose();
    },
  };
}

function ruleOf(rule: Rule): AveragingRule {
  if (rule.kind === 'equal') return equal();
  return rule.kind === 'exponential' ? exponential(rule.decay) : rationalWarmUp(rule.decay);
}
