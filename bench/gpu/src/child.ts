// What the process of one runtime does, and the messages it sends. Each runtime has a process of
// its own: it gets the whole device, and if it dies, the results before that are not lost.
import { conformanceOf } from './conformance.js';
import type { Conformance } from './conformance.js';
import type { Adapter } from './dawn.js';
import type { Options } from './options.js';
import { rowsOf } from './rows.js';
import type { Row } from './rows.js';
import { openRuntime } from './runtime.js';
import type { RuntimeName } from './runtime.js';

/** What a process is told to do. */
export type Task =
  | { readonly kind: 'adapter' }
  | { readonly kind: 'runtime'; readonly runtime: RuntimeName; readonly options: Options };

/** A part of the results. */
export type Message =
  | { readonly kind: 'adapter'; readonly adapter: Adapter }
  | { readonly kind: 'opened'; readonly versions: Readonly<Record<string, string>> }
  | { readonly kind: 'conformance'; readonly conformance: Conformance }
  | { readonly kind: 'row'; readonly row: Row }
  | { readonly kind: 'failed'; readonly failure: string };

/** Does a task, and sends what it finds. */
export async function runTask(task: Task, send: (message: Message) => void): Promise<void> {
  try {
    if (task.kind === 'adapter') {
      const { adapterOf } = await import('./dawn.js');
      send({ kind: 'adapter', adapter: await adapterOf() });
      return;
    }
    const { runtime: name, options } = task;
    const runtime = await openRuntime(name);
    send({ kind: 'opened', versions: runtime.versions });
    if (options.works.includes('conformance')) {
      const conformance = await conformanceOf(runtime, options.maxElements);
      send({ kind: 'conformance', conformance });
    }
    for await (const row of rowsOf(runtime, options)) send({ kind: 'row', row });
  } catch (error) {
    send({ kind: 'failed', failure: error instanceof Error ? error.message : String(error) });
  }
}
