// The process in which the user's module runs: BullMQ starts it and sends it jobs, one at a time.
// A step that blocks it for hours does not keep its parent from renewing the lock of the job.
import { Worker } from 'node:worker_threads';
import type { SandboxedJob } from 'bullmq';
import { folderStore } from '../store/folder-store.js';
import { combine } from './combine.js';
import type { TrainingModule } from './module.js';
import type { CombineJob, TrainJob } from './names.js';
import { SETTINGS } from './sandbox-settings.js';
import type { SandboxSettings } from './sandbox-settings.js';
import { train } from './train.js';
import type { TrainReport } from './train.js';

const settings = JSON.parse(process.env[SETTINGS] ?? '') as SandboxSettings;

// A parent that is killed takes its children along: one that blocks would go on for ever, and one
// that does not would try for ever to tell it. Only a thread can see that at any time, and only a
// signal ends the process from there. The parent may be gone before this line.
const WATCHDOG = `
setInterval(() => {
  if (process.ppid !== ${settings.pid}) process.kill(process.pid, 'SIGKILL');
}, 500);
`;
new Worker(WATCHDOG, { eval: true, execArgv: [] }).unref();

let loaded: Promise<TrainingModule> | undefined;

async function load(): Promise<TrainingModule> {
  const module = (await import(settings.module)) as TrainingModule;
  if (typeof module.train === 'function') return module;
  throw new TypeError(`${settings.module} exports no function "train".`);
}

/** Does a job of the training queue. */
async function perform(
  { data }: SandboxedJob<TrainJob | CombineJob>,
  _token: string,
  signal: AbortSignal = new AbortController().signal,
): Promise<TrainReport | undefined> {
  loaded ??= load();
  const { store, pollMs } = settings;
  const sandbox = { store: folderStore(store), module: await loaded, signal, pollMs };
  if (data.kind === 'train') return await train(sandbox, data);
  await combine(sandbox, data);
  return undefined;
}

// BullMQ calls the default export.
// oxlint-disable-next-line import/no-default-export
export { perform as default };
