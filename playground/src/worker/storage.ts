// The run that the browser keeps. Some keep none: in a private window, or where the disk is full.
import { del, get, set } from 'idb-keyval';
import type { Saved } from './session.js';

const key = 'polyak-playground';

/** The run that was kept, if any. */
export async function keptRun(): Promise<Saved | undefined> {
  try {
    return await get<Saved>(key);
  } catch {
    return undefined;
  }
}

/** Returns whether the browser keeps the run. */
export async function keepRun(saved: Saved): Promise<boolean> {
  try {
    await set(key, saved);
    return true;
  } catch {
    return false;
  }
}

export async function forgetRun(): Promise<void> {
  try {
    await del(key);
  } catch {
    // There is none where nothing is kept.
  }
}
