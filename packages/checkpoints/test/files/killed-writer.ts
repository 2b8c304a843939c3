// A process of its own that writes an output, and may kill itself at a call of the file system.
import { promises } from 'node:fs';
import { open, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { prepareOutput, stageOutput } from '@polyak/checkpoints/node';
import { layoutOf, writeUnits } from './output.js';

/** What the process is told to do. */
export interface WriterOptions {
  readonly output: string;
  readonly files: Readonly<Record<string, number>>;
  readonly seed: number;
  readonly unit: number;
  readonly force: boolean;
  /** The number of calls after which it is killed. */
  readonly killAt?: number;
  /** A file that takes space on the disk once a merge has begun. */
  readonly fill?: string;
}

const options = JSON.parse(process.argv[2] ?? '') as WriterOptions;

/** Kills the process before the call of that number. */
async function killAt(count: number): Promise<void> {
  const handle = await open(process.execPath, 'r');
  let calls = 0;
  const countCalls = (object: object, names: readonly string[]): void => {
    for (const name of names) {
      const method = Reflect.get(object, name) as (...args: unknown[]) => unknown;
      Reflect.set(object, name, function (this: unknown, ...args: unknown[]) {
        calls += 1;
        if (calls === count) process.kill(process.pid, 'SIGKILL');
        return method.apply(this, args);
      });
    }
  };
  countCalls(Object.getPrototypeOf(handle) as object, [
    'write',
    'writeFile',
    'truncate',
    'datasync',
    'sync',
    'chmod',
    'close',
  ]);
  countCalls(promises, ['open', 'rename', 'rm', 'mkdir']);
  syncBuiltinESMExports();
  await handle.close();
}

const { output, files, force } = options;
if (options.killAt !== undefined) await killAt(options.killAt + 1);
process.stdout.write('begin\n');
const plan = { request: options.seed, force, resume: true };
if (!(await prepareOutput(output, plan))) {
  const staged = await stageOutput(output, layoutOf(files), { ...plan, inputs: [] });
  if (options.fill !== undefined && staged.progress === undefined) {
    await writeFile(options.fill, new Uint8Array(700_000));
  }
  try {
    await writeUnits(staged, files, options);
    await staged.publish();
  } catch (error) {
    await staged.abandon();
    throw error;
  }
}
