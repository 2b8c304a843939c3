// A process of its own that merges files.
import { mean } from '@polyak/checkpoints';
import { mergeFiles } from '@polyak/checkpoints/node';

/** What the process is told to do. */
export interface KilledMergeOptions {
  readonly inputs: readonly string[];
  readonly output: string;
  readonly force: boolean;
  readonly shardBytes?: number;
}

const { inputs, output, ...options } = JSON.parse(process.argv[2] ?? '') as KilledMergeOptions;

// A checkpoint is made about once a second: here after each unit of work.
let now = 0;
Date.now = () => (now += 1000);

process.stdout.write('begin\n');
await mergeFiles(inputs, output, { ...options, method: mean(inputs.length), resume: true });
