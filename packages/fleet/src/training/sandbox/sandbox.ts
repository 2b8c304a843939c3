// The process in which the user's module runs: BullMQ starts it and sends it jobs, one at a time.
// A step that blocks it for hours does not keep its parent from renewing the lock of the job.
import type { SandboxedJob } from 'bullmq';
import type { CombineJob, TrainJob } from '../names.js';
import { combine } from './combine.js';
import { load } from './load.js';
import type { Loaded } from './load.js';
import type { Sandbox } from './polling.js';
import { readSettings } from './settings.js';
import { train } from './train.js';
import type { TrainReport } from './train.js';
import { endWith } from './watchdog.js';

const settings = readSettings();
endWith(settings.pid);
let loaded: Promise<Loaded> | undefined;

/** Does a job of the training queue. */
async function perform(
  { data }: SandboxedJob<TrainJob | CombineJob>,
  _token: string,
  signal: AbortSignal = new AbortController().signal,
): Promise<TrainReport | undefined> {
  // A store that is away now may be there for the next job.
  loaded ??= load(settings).catch((error: unknown) => {
    loaded = undefined;
    throw error;
  });
  const sandbox: Sandbox = { ...(await loaded), signal, pollMs: settings.pollMs };
  if (data.kind === 'train') return await train(sandbox, data);
  await combine(sandbox, data);
  return undefined;
}

// BullMQ calls the default export.
// oxlint-disable-next-line import/no-default-export
export { perform as default };
