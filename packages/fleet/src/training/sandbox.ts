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

// A parent that is killed takes its children along: one that blocks would go on for ever. Only a
// thread can see that, and only a signal ends the process from there.
const WATCHDOG = `
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
}, 500);
`;

let loaded: Promise<{ readonly settings: SandboxSettings; readonly module: TrainingModule }>;

async function load(): typeof loaded {
  new Worker(WATCHDOG, { eval: true, execArgv: [] }).unref();
  const settings = JSON.parse(process.env[SETTINGS] ?? '') as SandboxSettings;
  const module = (await import(settings.module)) as TrainingModule;
  if (typeof module.train !== 'function') {
    throw new TypeError(`${settings.module} exports no function "train".`);
  }
  return { settings, module };
}

/** Does a job of the training queue. */
async function perform(
  { data }: SandboxedJob<TrainJob | CombineJob>,
  _token: string,
  signal: AbortSignal = new AbortController().signal,
): Promise<TrainReport | undefined> {
  loaded ??= load();
  const { settings, module } = await loaded;
  const { pollMs } = settings;
  const sandbox = { store: folderStore(settings.store), module, signal, pollMs };
  if (data.kind === 'train') return await train(sandbox, data);
  await combine(sandbox, data);
  return undefined;
}

// BullMQ calls the default export.
// oxlint-disable-next-line import/no-default-export
export { perform as default };
