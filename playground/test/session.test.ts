// Sessions on wasm in Node.
import '@tensorflow/tfjs-backend-wasm';
import { recordOf } from '@polyak/core/interfaces';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { spirals } from '../src/task/spirals.js';
import { plans, stepsPerEpoch } from '../src/task/task.js';
import type { Controls } from '../src/training/settings.js';
import { defaultControls, defaultSettings } from '../src/training/settings.js';
import { Session } from '../src/worker/session.js';

const settings = defaultSettings.spirals;
const early: Controls = { ...defaultControls('spirals'), swaStart: 2 };

/** A session that pauses after some epochs; `onEpoch` is called after each. */
function sessionOf(
  pauseAfter: number,
  controls = early,
  onEpoch: (epoch: number) => void = () => undefined,
): Session {
  const session: Session = new Session(
    spirals(settings.seed, settings.noise),
    { settings, controls, backend: 'wasm' },
    {
      post: ({ epochs }) => {
        if (epochs === undefined) return;
        if (epochs.length === pauseAfter) session.pause();
        onEpoch(epochs.length);
      },
      rest: () => Promise.resolve(),
      save: () => Promise.resolve(),
    },
  );
  return session;
}

beforeAll(async () => {
  await tf.setBackend('wasm');
});

it('runs on wasm', () => {
  expect(tf.getBackend()).toBe('wasm');
});

describe('a session', () => {
  it('goes on from what it saved as if it had not stopped', async () => {
    const [whole, first, second] = [sessionOf(9), sessionOf(5), sessionOf(9)];
    await whole.train();
    await first.train();
    expect(first.view.status).toBe('paused');
    await second.restore(structuredClone(await first.saved()));
    await second.train();
    expect(second.view.epochs).toEqual(whole.view.epochs);
    expect(second.view.epochs.length).toBe(9);
    expect((await second.saved()).visited).toEqual((await whole.saved()).visited);
    for (const session of [whole, first, second]) await session.dispose();
  });

  it('averages from the start that was chosen, as often as was chosen', async () => {
    const session = sessionOf(6, { ...early, swaStart: 4, swaFreq: stepsPerEpoch('spirals') / 3 });
    await session.train();
    const averaged = session.view.epochs.map(({ averages }) => averages !== undefined);
    expect(averaged).toEqual([false, false, false, false, true, true]);
    expect(session.run.averaged.nAvg).toBe(6);
    await session.dispose();
  });

  it('changes the rate, the start and the rule between two steps', async () => {
    const session = sessionOf(4);
    await session.train();
    const before = session.view;
    await session.change({ ...early, rule: 'exponential' });
    expect(session.run.averaged.nAvg).toBe(2);
    expect(session.view.epochs.at(-1)?.predictions.average).not.toBe(
      before.epochs.at(-1)?.predictions.average,
    );
    await session.change({ ...early, rate: 0.01, swaStart: 1 });
    expect(session.run.averaged.nAvg).toBe(0);
    expect(session.view.controls).toMatchObject({ rate: 0.01, swaStart: 4 });
    await session.dispose();
  });

  it('forgets the averages at a new start, also while one is swapped in', async () => {
    const session = sessionOf(12);
    await session.train();
    expect((await session.saved()).visited.at(-1)?.average).not.toBeNull();
    const { live } = session.view.epochs.at(-1) ?? {};
    await session.swap();
    await session.change({ ...early, swaStart: 8 });
    expect(session.view.held).toMatchObject({ weights: 'live', scores: live });
    expect(session.view.controls.swaStart).toBe(12);
    expect(session.view.epochs.some(({ averages }) => averages !== undefined)).toBe(false);
    const { visited } = await session.saved();
    expect(visited.map(({ average }) => average)).toEqual(Array(12).fill(null));
    await session.dispose();
  });

  it('draws the path of the averages since a new start that was made while it ran', async () => {
    const changes: Promise<void>[] = [];
    const session: Session = sessionOf(20, early, (epoch) => {
      if (epoch === 10 && changes.length === 0) {
        changes.push(session.change({ ...early, swaStart: 11 }));
      }
    });
    await session.train();
    await Promise.all(changes);
    const averaged = session.view.epochs.map(({ averages }) => averages !== undefined);
    expect(averaged.indexOf(true)).toBe(11);
    expect(session.view.valley?.live.length).toBe(20);
    expect(session.view.valley?.average.length).toBe(9);
    await session.dispose();
  });

  it('keeps the averages at the end of the run', async () => {
    const [first, ended] = [sessionOf(4), sessionOf(Infinity)];
    await first.train();
    const { run, ...saved } = await first.saved();
    const stepCounter = plans.spirals.epochs * stepsPerEpoch('spirals');
    await ended.restore({ ...saved, run: { ...recordOf(run), stepCounter } });
    await ended.swap();
    await ended.change({ ...early, rate: 0.01, swaStart: 9 });
    expect(ended.view.controls).toEqual({ ...early, rate: 0.01 });
    expect(ended.view.held?.weights).toBe('average');
    expect(ended.run.averaged.nAvg).toBe(2);
    for (const session of [first, ended]) await session.dispose();
  });

  it('trains once where it is told to train twice', async () => {
    const session = sessionOf(3);
    await Promise.all([session.train(), session.train()]);
    const whole = sessionOf(3);
    await whole.train();
    expect(session.run.stepCounter).toBe(whole.run.stepCounter);
    expect(session.view.epochs).toEqual(whole.view.epochs);
    for (const each of [session, whole]) await each.dispose();
  });

  it('swaps, and gives the live weights back before it merges or trains', async () => {
    const session = sessionOf(6);
    await session.train();
    const live = session.view.epochs.at(-1)?.live;
    const average = session.view.epochs.at(-1)?.averages?.equal;
    await session.swap();
    expect(session.view.held).toMatchObject({ weights: 'average', scores: average });
    await session.soup([6]);
    expect(session.view.held).toMatchObject({ weights: 'live', scores: live });
    expect(session.view.soup).toMatchObject({ epochs: [6], scores: live });
    await session.soup([3, 4, 5, 6]);
    expect(session.view.soup?.scores.loss).toBeCloseTo(average?.loss ?? NaN, 5);
    await session.dispose();
  });

  it('frees every tensor but two, the learning rates that tfjs keeps', async () => {
    const before = tf.memory().numTensors;
    const session = sessionOf(3);
    await session.train();
    await session.swap();
    await session.dispose();
    expect(tf.memory().numTensors).toBe(before + 2);
  });
});
