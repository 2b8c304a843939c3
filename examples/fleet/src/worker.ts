// A worker of the fleet: `worker.ts URL FOLDER`.
import { folderStore, startWorker } from '@polyak/fleet';

const [url = '', folder = ''] = process.argv.slice(2);
const worker = await startWorker(
  { store: folderStore(folder), url },
  {
    module: new URL('training-module.ts', import.meta.url),
    // The jobs of a worker that was killed are done again after this time.
    lockDuration: 4000,
    stalledInterval: 1000,
  },
);
const close = (): void => {
  void worker.close().then(() => process.exit());
};
process.once('SIGTERM', close);
// The demo has ended, in whatever way.
process.once('disconnect', close);
process.send?.('ready');
