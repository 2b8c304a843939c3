// A worker process of the tests: store, Redis and module are its arguments.
import { folderStore, startWorker } from '@polyak/fleet';

process.on('disconnect', () => process.exit(0));
const [folder = '', url = '', module = ''] = process.argv.slice(2);
await startWorker(
  { store: folderStore(folder), url },
  { module, lockDuration: 3000, stalledInterval: 1000, onWarning: () => undefined },
);
process.send?.('ready');
