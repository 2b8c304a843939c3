// polyak worker: a process that works for fleets until it is ended.
import { once } from 'node:events';
import { Command, Option } from 'commander';
import type { Context } from '../context.js';
import { say } from '../context.js';
import { loadFleet } from '../fleet.js';
import { parseLength } from '../arguments/parse.js';

const EXAMPLES = `
Any number may run, on all machines that have the folder. At the first Ctrl-C or SIGTERM it ends
after the jobs that it has begun; what a worker leaves that is killed, others take over.

Examples:
  polyak worker --fleet redis://queue:6379 --store /mnt/share
  polyak worker --fleet redis://queue:6379 --store /mnt/share --concurrency 4
  polyak worker --fleet redis://queue:6379 --store /mnt/share --module ./train.js`;

interface WorkerCommandOptions {
  readonly fleet: string;
  readonly store: string;
  readonly module?: string;
  readonly concurrency: number;
  readonly quiet?: true;
}

/** The command `worker`. */
export function workerCommand(context: Context): Command {
  return new Command('worker')
    .summary('works for merges with --fleet, and for training')
    .description(
      'Does the parts of merges that others begin with --fleet and, with a module, the training ' +
        'of runs that others start. @polyak/fleet must be installed beside polyak.',
    )
    .requiredOption('--fleet <url>', 'the Redis that has the queue, such as redis://queue:6379')
    .requiredOption('--store <folder>', 'the shared folder, by its path on this machine')
    .option('--module <file>', 'a module that exports "train"; default: no training')
    .addOption(
      new Option('--concurrency <number>', 'how many jobs of a kind at once')
        .argParser(parseLength)
        .default(1),
    )
    .option('--quiet', 'no messages but errors')
    .addHelpText('after', EXAMPLES)
    .action(async (options: WorkerCommandOptions) => {
      const { fleet: url, store, module, concurrency } = options;
      const { folderStore, startWorker } = await loadFleet();
      const worker = await startWorker(
        { store: folderStore(store), url },
        {
          concurrency,
          ...(module !== undefined && { module }),
          onWarning: (message) => say(context, {}, message),
        },
      );
      say(context, options, `working in ${store}`);
      const { signal } = context;
      if (!signal.aborted) await once(signal, 'abort');
      say(context, options, 'ending after the jobs that are begun');
      await worker.close();
    });
}
