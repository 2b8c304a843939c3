// Rows that are gathered while files are read, with progress.
import type { InspectOptions } from '@polyak/checkpoints/inspect';
import type { Context, PrintOptions } from '../context.js';
import { showProgress } from '../progress.js';

/** What rows are gathered with. */
type Reading = Required<Pick<InspectOptions, 'signal' | 'onProgress'>>;

/**
 * All rows.
 *
 * @param label - what is done, for the progress
 * @param gather - begins to read
 */
export async function rowsOf<Row>(
  context: Context,
  options: PrintOptions,
  label: string,
  gather: (reading: Reading) => AsyncIterable<Row>,
): Promise<readonly Row[]> {
  const { signal } = context;
  const progress = showProgress(context, options, label);
  const onProgress: Reading['onProgress'] = ({ doneBytes, totalBytes }) =>
    progress.update({ done: doneBytes, total: totalBytes });
  const rows: Row[] = [];
  try {
    for await (const row of gather({ signal, onProgress })) rows.push(row);
  } finally {
    progress.end('ended early');
  }
  return rows;
}
