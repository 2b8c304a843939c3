// Checkpoints that are given more than once, by whatever paths.
import { stat } from 'node:fs/promises';
import { openCheckpoint } from '@polyak/checkpoints/node';
import type { Context, PrintOptions } from '../context.js';
import { say } from '../context.js';
import { listText } from '../text.js';

/** Warns of checkpoints that weigh more because they are given more than once. */
export async function warnOfRepeated(
  context: Context,
  options: PrintOptions,
  paths: readonly string[],
): Promise<void> {
  const places = new Map<string, string[]>();
  for (const path of paths) {
    const place = await placeOf(path);
    places.set(place, [...(places.get(place) ?? []), path]);
  }
  for (const alike of places.values()) {
    if (alike.length < 2) continue;
    const warning = `warning: one checkpoint is given ${alike.length} times, and counts as often`;
    say(context, options, `${warning}: ${listText(alike)}`);
  }
}

/** The place of a file on its disk, which all links to it share. */
async function placeOf(path: string): Promise<string> {
  try {
    let status = await stat(path, { bigint: true });
    if (status.isDirectory()) {
      const { name, close } = await openCheckpoint(path);
      await close();
      status = await stat(name, { bigint: true });
    }
    return `${status.dev} ${status.ino}`;
  } catch {
    // The merge says what is wrong with it.
    return path;
  }
}
