// Whether a checkpoint, and what it was made from, are still what they were when it was made.
import { access } from 'node:fs/promises';
import type { Checkpoint } from '@polyak/checkpoints';
import { mergeRecordOf, verifyCheckpoint } from '@polyak/checkpoints/inspect';
import type { VerifiedFile } from '@polyak/checkpoints/inspect';
import { openCheckpoint } from '@polyak/checkpoints/node';
import type { Context, PrintOptions } from '../context.js';
import { showProgress } from '../progress.js';
import { tableText } from '../text.js';

/** Reads the checkpoint and its inputs again. Their names are relative to the present folder. */
export async function verified(
  context: Context,
  options: PrintOptions,
  checkpoint: Checkpoint,
): Promise<readonly VerifiedFile[]> {
  const record = mergeRecordOf(checkpoint);
  const inputs = [...(record?.inputs ?? []), ...(record?.base ? [record.base] : [])];
  const total =
    checkpoint.files.reduce((sum, { source }) => sum + source.size, 0) +
    inputs.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const progress = showProgress(context, options, 'verify');
  let done = 0;
  try {
    return await verifyCheckpoint(checkpoint, {
      open: openIfThere,
      signal: context.signal,
      onProgress(byteLength) {
        done += byteLength;
        progress.update({ done, total });
      },
    });
  } finally {
    progress.end('ended early');
  }
}

/** The verdicts as a table. */
export function verificationText(files: readonly VerifiedFile[]): string {
  const rows = files.map(({ role, name, verdict }) => [name, role, verdict]);
  return tableText([['file', 'role', 'since the merge'], ...rows], []);
}

async function openIfThere(path: string): Promise<Checkpoint | undefined> {
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  return isThere ? openCheckpoint(path) : undefined;
}
