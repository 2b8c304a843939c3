// A worker process of the tests: store, Redis and module are its arguments. Its warnings go to
// the file `warnings`.
import { appendFileSync } from 'node:fs';
import { folderStore, startWorker } from '@polyak/fleet';

process.on('disconnect', () => process.exit(0));
const [folder = '', url = '', module = '', form] = process.argv.slice(2);
try {
  await startWorker(
    { store: folderStore(folder), url },
    {
      module: form === 'URL' ? new URL(module) : module,
      lockDuration: 3000,
      stalledInterval: 1000,
      onWarning: (text) => {
        appendFileSync(`${process.env['TOY_FOLDER']}/warnings`, `${text}\n`);
      },
    },
  );
  process.send?.({});
} catch (error) {
  process.send?.({ error: (error as Error).message });
}
