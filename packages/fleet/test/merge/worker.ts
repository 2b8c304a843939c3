// A worker in a process of its own.
import { setTimeout } from 'node:timers/promises';
import type { FleetWorker, Store } from '@polyak/fleet';
import { folderStore, startWorker } from '@polyak/fleet';

/** What the process is told to do. */
export interface WorkerProcessOptions {
  readonly folder: string;
  readonly url: string;
  /** How long each read takes at least, in ms. */
  readonly delay: number;
}

const { folder, url, delay } = JSON.parse(process.argv[2] ?? '') as WorkerProcessOptions;

/** The store, with reads as slow as those of a disk far away. */
function slow(store: Store): Store {
  return new Proxy(store, {
    get(target, name) {
      if (name !== 'open') {
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      }
      return async (key: string) => {
        const object = await target.open(key);
        return {
          ...object,
          readInto: async (offset: number, bytes: Uint8Array) => {
            await setTimeout(delay);
            await object.readInto?.(offset, bytes);
          },
        };
      };
    },
  });
}

// A test that is killed leaves no worker behind.
process.once('disconnect', () => process.exit());
const fleet = { store: slow(folderStore(folder)), url };
const options = {
  // Short, so that others take over the work of a killed worker at once.
  lockDuration: 2000,
  stalledInterval: 500,
  onWarning: () => undefined,
};
let worker: FleetWorker | undefined;
process.once('SIGTERM', () => {
  void worker?.close().then(() => process.exit());
});
// Redis may be away: whoever looks after workers starts them again.
while (worker === undefined) {
  worker = await startWorker(fleet, options).catch(() => undefined);
}
