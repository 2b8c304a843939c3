// Trains in a worker, so that the page answers meanwhile.
import { expose } from 'comlink';
import { loadTask } from '../task/load.js';
import type { Controls, Settings } from '../training/settings.js';
import type { BackendName, View } from '../view.js';
import type { DownloadedFile, Format } from './downloads.js';
import { filesOf } from './downloads.js';
import { useBackend } from './runtime.js';
import type { Saved } from './session.js';
import { Session } from './session.js';
import { forgetRun, keepRun, keptRun } from './storage.js';

/** Milliseconds between two saves. */
const savePause = 1000;
/** Milliseconds that an epoch takes at least: faster, nobody could watch. */
const epochTime = 100;

type Post = (change: Partial<View>) => void;

interface Input {
  readonly settings: Settings;
  readonly controls: Controls;
  readonly backend: BackendName;
}

let session: Session | undefined;
/** The number of calls of `start`: only the newest one trains. */
let starts = 0;
/** Sessions are made one after another. */
let lastOpening: Promise<unknown> = Promise.resolve();
let post: Post = () => undefined;
let lastSave = 0;
let rested = 0;

/** What the page calls. */
export const trainer = {
  /** Opens the worker: `listener` receives what changes. Restores the run that was kept. */
  async open(listener: Post): Promise<void> {
    post = listener;
    await opening(restoreKept);
  },

  /** Starts a new run. */
  async start(input: Input): Promise<void> {
    starts += 1;
    const number = starts;
    await guarded(async () => {
      await opening(async () => {
        if (number === starts) await replaceSession(input);
      });
      if (number === starts) await session?.train();
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
    return guarded(async () => (session === undefined ? [] : filesOf(session, format)));
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
  timing: undefined,
} satisfies Partial<View>;

/** Waits for the session that is being made. */
async function opening(call: () => Promise<void>): Promise<void> {
  const opened = lastOpening.then(call);
  lastOpening = opened.catch(() => undefined);
  await opened;
}

/** Goes on with the run that was kept; one that cannot be loaded is forgotten. */
async function restoreKept(): Promise<void> {
  const saved = await keptRun();
  if (saved === undefined) return;
  try {
    const { settings, controls, backend } = saved.view;
    session = await newSession({ settings, controls, backend });
    await session.restore(saved);
  } catch (error) {
    console.warn('The run that this browser kept could not be loaded:', error);
    await closeSession();
    await forgetRun();
  }
}

async function replaceSession(input: Input): Promise<void> {
  await closeSession();
  post({ ...input, ...cleared });
  await forgetRun();
  session = await newSession(input);
}

async function closeSession(): Promise<void> {
  const last = session;
  session = undefined;
  try {
    await last?.dispose();
  } catch (error) {
    console.warn('A run could not be freed:', error); // its backend may be lost
  }
}

async function newSession(input: Input): Promise<Session> {
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
  post({ isKept: await keepRun(await saved()) });
}

/** Runs `call`; a failure is shown on the page. */
async function guarded<R>(call: () => Promise<R>): Promise<R> {
  try {
    return await call();
  } catch (error) {
    post({ status: 'failed', failure: error instanceof Error ? error.message : String(error) });
    throw error;
  }
}

expose(trainer);
