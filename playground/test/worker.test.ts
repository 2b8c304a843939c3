// What the page calls in the worker, on wasm in Node.
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import * as storage from 'idb-keyval';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { defaultControls, defaultSettings } from '../src/training/settings.js';
import type { View } from '../src/view.js';
import { Session } from '../src/worker/session.js';
import { trainer } from '../src/worker/worker.js';

vi.mock('comlink', () => ({ expose: () => undefined }));
vi.mock('../src/worker/runtime.js', () => ({ useBackend: async () => tf.setBackend('wasm') }));
vi.mock('idb-keyval');

const full = new Error('The disk is full.');
const controls = { ...defaultControls('spirals'), swaStart: 1 };

let posts: Partial<View>[] = [];

/** Shows what the worker posts, and pauses after two epochs. */
function listener(change: Partial<View>): void {
  posts.push(change);
  if (change.epochs?.length === 2) trainer.pause();
}

async function start(seed: number): Promise<void> {
  const settings = { ...defaultSettings.spirals, seed };
  return trainer.start({ settings, controls, backend: 'wasm' });
}

function last<K extends keyof View>(key: K): View[K] | undefined {
  return posts.findLast((change) => key in change)?.[key];
}

beforeEach(async () => {
  vi.resetAllMocks();
  posts = [];
  await trainer.open(listener);
});

describe('start', () => {
  it('trains only the newest run, and frees the ones before', async () => {
    await start(1);
    const { numTensors } = tf.memory();
    posts = [];
    await Promise.all([start(2), start(3)]);
    expect(posts.flatMap(({ settings }) => settings?.seed ?? [])).toEqual([3]);
    expect(last('status')).toBe('paused');
    expect(last('epochs')?.length).toBe(2);
    // tfjs keeps the two learning rates of the first run.
    expect(tf.memory().numTensors).toBe(numTensors + 2);
  });

  it('takes the place of a run that trains', async () => {
    const first = start(1);
    await vi.waitFor(() => {
      expect(last('status')).toBe('running');
    });
    await Promise.all([start(2), first]);
    expect(last('settings')?.seed).toBe(2);
    expect(last('epochs')?.length).toBe(2);
    expect(posts.some(({ status }) => status === 'failed')).toBe(false);
  });

  it('trains where the run before cannot be freed', async () => {
    await start(1);
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const dispose = vi.spyOn(Session.prototype, 'dispose').mockRejectedValueOnce(full);
    posts = [];
    await start(2);
    dispose.mockRestore();
    expect(warn).toHaveBeenCalledWith('A run could not be freed:', full);
    expect(last('epochs')?.length).toBe(2);
  });
});

describe('without storage', () => {
  it('trains, and says that the run is not kept', async () => {
    vi.mocked(storage.get).mockRejectedValue(full);
    vi.mocked(storage.set).mockRejectedValue(full);
    vi.mocked(storage.del).mockRejectedValue(full);
    await trainer.open(listener);
    await start(1);
    expect(last('status')).toBe('paused');
    expect(last('isKept')).toBe(false);
    vi.mocked(storage.set).mockResolvedValue();
    const resumed = trainer.resume();
    trainer.pause();
    await resumed;
    expect(last('isKept')).toBe(true);
  });
});

describe('open', () => {
  it('restores the run that was kept', async () => {
    await start(1);
    const saved: unknown = vi.mocked(storage.set).mock.lastCall?.[1];
    vi.mocked(storage.get).mockResolvedValue(saved);
    posts = [];
    await trainer.open(listener);
    expect(last('status')).toBe('paused');
    expect(last('epochs')?.length).toBe(2);
  });

  it.each([
    ['of an older page', { view: { settings: defaultSettings.spirals, controls }, run: {} }],
    ['without a view', {}],
  ])('forgets a run %s', async (_, saved) => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    vi.mocked(storage.get).mockResolvedValue(saved);
    await trainer.open(listener);
    expect(warn).toHaveBeenCalledOnce();
    expect(storage.del).toHaveBeenCalledOnce();
    expect(last('status')).toBeUndefined();
  });
});

describe('files', () => {
  it('shows why there are none', async () => {
    const settings = defaultSettings.spirals;
    const late = { ...controls, swaStart: 100 };
    await trainer.start({ settings, controls: late, backend: 'wasm' });
    await expect(trainer.files('tfjs')).rejects.toThrow('average');
    expect(last('status')).toBe('failed');
    expect(last('failure')).toMatch(/average/u);
  });
});
