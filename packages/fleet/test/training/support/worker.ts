// A worker process of the tests: store, Redis and module are its arguments.
import { folderStore, startTrainingWorker } from '@polyak/fleet';

process.on('disconnect', () => process.exit(0));
const [folder = '', url = '', module = ''] = process.argv.slice(2);
await startTrainingWorker({
  store: folderStore(folder),
  url,
  module,
  lockDuration: 3000,
  stalledInterval: 1000,
  pollMs: 100,
  onError: () => undefined,
});
process.send?.('ready');
