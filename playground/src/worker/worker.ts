// Trains in a worker, so that the page answers meanwhile.
import { expose } from 'comlink';
import { del, get, set } from 'idb-keyval';
import { loadTask } from '../task/load.js';
import type { Controls, Settings } from '../training/settings.js';
import type { BackendName, View } from '../view.js';
import type { DownloadedFile, Format } from './downloads.js';
import { filesOf } from './downloads.js';
import { useBackend } from './runtime.js';
import type { Saved } from './session.js';
import { Session } from './session.js';

const savedKey = 'polyak-playground';
/** Milliseconds between two saves. */
const savePause = 1000;
/** Milliseconds that an epoch takes at least: faster, nobody could watch. */
const epochTime = 100;

type Post = (change: Partial<View>) => void;

let session: Session | undefined;
let post: Post = () => undefined;
let lastSave = 0;
let rested = 0;

/** What the page calls. */
export const trainer = {
  /** Opens the worker: `listener` receives what changes. Returns whether a run was restored. */
  async open(listener: Post): Promise<boolean> {
    post = listener;
    const saved = await get<Saved>(savedKey);
    if (saved === undefined) return false;
    const { settings, controls, backend } = saved.view;
    await guarded(async () => {
      session = await newSession({ settings, controls, backend });
      await session.restore(saved);
    });
    return session !== undefined;
  },

  /** Starts a new run. */
  async start(input: Parameters<typeof newSession>[0]): Promise<void> {
    await guarded(async () => {
      await session?.dispose();
      session = undefined;
      post({ ...input, ...cleared });
      await del(savedKey);
      session = await newSession(input);
      await session.train();
    });
  },

  async resume(): Promise<void> {
    await guarded(async () => session?.train());
  },

  pause(): void {
    session?.pause();
  },

  async change(controls: Controls): Promise<void> {
    await guarded(async () => session?.change(controls));
  },

  async swap(): Promise<void> {
    await guarded(async () => session?.swap());
  },

  async updateBatchNorm(): Promise<void> {
    await guarded(async () => session?.updateBatchNorm());
  },

  async soup(epochs: readonly number[]): Promise<void> {
    await guarded(async () => session?.soup(epochs));
  },

  /** The averaged model as files. */
  async files(format: Format): Promise<readonly DownloadedFile[]> {
    if (session === undefined) return [];
    return filesOf(session, format);
  },
};

export type Trainer = typeof trainer;

const cleared = {
  status: 'starting',
  epochs: [],
  valley: undefined,
  flatness: undefined,
  held: undefined,
  soup: undefined,
} satisfies Partial<View>;

async function newSession(input: {
  readonly settings: Settings;
  readonly controls: Controls;
  readonly backend: BackendName;
}): Promise<Session> {
  await useBackend(input.backend);
  const task = await loadTask(input.settings);
  rested = performance.now();
  return new Session(task, input, {
    post: (change) => {
      post(change);
    },
    rest,
    save,
  });
}

/** Waits at least for the messages that have come meanwhile. */
async function rest(epochSteps: number): Promise<void> {
  const left = rested + epochTime / epochSteps - performance.now();
  await new Promise((resolve) => {
    setTimeout(resolve, Math.max(0, left));
  });
  rested = performance.now();
}

async function save(saved: () => Promise<Saved>, isDue: boolean): Promise<void> {
  if (!isDue && performance.now() - lastSave < savePause) return;
  lastSave = performance.now();
  await set(savedKey, await saved());
}

/** Runs `call`; a failure is shown on the page. */
async function guarded(call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
  } catch (error) {
    post({ status: 'failed', failure: error instanceof Error ? error.message : String(error) });
    throw error;
  }
}

expose(trainer);
