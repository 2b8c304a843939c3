// The process in which the user's module runs: BullMQ starts it and sends it jobs, one at a time.
// A step that blocks it for hours does not keep its parent from renewing the lock of the job.
import { isAbsolute } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { SandboxedJob } from 'bullmq';
import { folderStore } from '../../store/folder-store.js';
import type { Store } from '../../store/store.js';
import { combine } from './combine.js';
import type { TrainingModule } from '../module.js';
import type { CombineJob, TrainJob } from '../names.js';
import type { Sandbox } from './polling.js';
import { SETTINGS } from './settings.js';
import type { SandboxSettings } from './settings.js';
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

let loaded: Promise<Pick<Sandbox, 'module' | 'store'>> | undefined;

async function load(): Promise<Pick<Sandbox, 'module' | 'store'>> {
  const module = (await import(settings.module)) as TrainingModule;
  if (typeof module.train !== 'function') {
    throw new TypeError(`${settings.module} exports no function "train".`);
  }
  return { module, store: await storeOf(module) };
}

async function storeOf(module: TrainingModule): Promise<Store> {
  const { store: name } = settings;
  if (module.openStore === undefined && isAbsolute(name)) return folderStore(name);
  const store = await module.openStore?.();
  if (store?.name === name) return store;
  const found = store === undefined ? 'exports no "openStore"' : `opens the store ${store.name}`;
  throw new TypeError(`${settings.module} ${found}, and the worker has the store ${name}.`);
}

/** Does a job of the training queue. */
async function perform(
  { data }: SandboxedJob<TrainJob | CombineJob>,
  _token: string,
  signal: AbortSignal = new AbortController().signal,
): Promise<TrainReport | undefined> {
  loaded ??= load();
  const sandbox: Sandbox = { ...(await loaded), signal, pollMs: settings.pollMs };
  if (data.kind === 'train') return await train(sandbox, data);
  await combine(sandbox, data);
  return undefined;
}

// BullMQ calls the default export.
// oxlint-disable-next-line import/no-default-export
export { perform as default };
