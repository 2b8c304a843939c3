// Sessions on wasm in Node.
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { spirals } from '../src/task/spirals.js';
import { stepsPerEpoch } from '../src/task/task.js';
import type { Controls } from '../src/training/settings.js';
import { defaultControls, defaultSettings } from '../src/training/settings.js';
import { Session } from '../src/worker/session.js';

const settings = defaultSettings.spirals;
const early: Controls = { ...defaultControls('spirals'), swaStart: 2 };

/** A session that pauses after some epochs. */
function sessionOf(pauseAfter: number, controls = early): Session {
  const session: Session = new Session(
    spirals(settings.seed, settings.noise),
    { settings, controls, backend: 'wasm' },
    {
      post: ({ epochs }) => {
        if (epochs?.length === pauseAfter) session.pause();
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
    await session.dispose();
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
