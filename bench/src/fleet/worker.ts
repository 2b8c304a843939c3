// A worker that reads no faster than it is told.
import process from 'node:process';
import { setTimeout } from 'node:timers/promises';
import type { Store, StoredObject } from '@polyak/fleet/store';
import { folderStore, startWorker } from '@polyak/fleet';

const { folder, url, rate } = JSON.parse(process.argv[2] ?? '') as {
  readonly folder: string;
  readonly url: string;
  readonly rate: number;
};

/** When the bytes that were asked for so far have arrived, in ms. */
let arrived = 0;

async function arrival(byteLength: number): Promise<void> {
  const now = performance.now();
  arrived = Math.max(arrived, now) + (1000 * byteLength) / rate;
  await setTimeout(arrived - now);
}

function throttled(object: StoredObject): StoredObject {
  return {
    ...object,
    async readInto(offset, target) {
      await object.readInto?.(offset, target);
      await arrival(target.byteLength);
    },
  };
}

const store = folderStore(folder);
const slow: Store = {
  name: store.name,
  open: async (key) => throttled(await store.open(key)),
  get: (key) => store.get(key),
  put: (key, bytes) => store.put(key, bytes),
  putIfAbsent: (key, bytes) => store.putIfAbsent(key, bytes),
  list: (prefix) => store.list(prefix),
  remove: (key) => store.remove(key),
  openPartial: (...args) => store.openPartial(...args),
  publish: (...args) => store.publish(...args),
  removePartial: (...args) => store.removePartial(...args),
  withdraw: (...args) => store.withdraw(...args),
};
process.once('disconnect', () => process.exit());
const worker = await startWorker({ store: slow, url });
process.once('SIGTERM', () => {
  void worker.close().then(() => process.exit());
});
process.send?.('ready');
