// A worker in a process of its own.
import { folderStore, startWorker } from '@polyak/fleet';

/** What the process is told to do. */
export interface WorkerProcessOptions {
  readonly folder: string;
  readonly url: string;
  readonly concurrency?: number;
}

const { folder, ...options } = JSON.parse(process.argv[2] ?? '') as WorkerProcessOptions;

// A test that is killed leaves no worker behind.
process.once('disconnect', () => process.exit());
const worker = await startWorker({
  ...options,
  store: folderStore(folder),
  // Short, so that the work of a killed worker is taken over at once.
  lockDuration: 2000,
  stalledInterval: 500,
  onWarning: () => undefined,
});
process.once('SIGTERM', () => {
  void worker.close().then(() => process.exit());
});
process.send?.('ready');
