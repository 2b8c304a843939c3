// Calls functions of the user's module, whose errors then say where in it they come from.
import type { Awaitable } from '@polyak/core/interfaces';
import { UnrecoverableError } from 'bullmq';
import { shown } from '../shown.js';

// Sources or built files of this package.
const OWN = new URL('../..', import.meta.url).href;

/**
 * Calls a function of the module. An error that nothing catches, of a timer or a promise that is
 * not awaited, ends the call too.
 *
 * @param name - of the function
 * @throws Error with the name, the message, and the place in the user's files
 */
export async function callModule<T>(name: string, call: () => Awaitable<T>): Promise<T> {
  const uncaught = new Promise<never>((_resolve, reject) => {
    // By itself, BullMQ would end the process, after it had perhaps been given another job.
    process.setUncaughtExceptionCaptureCallback(reject);
  });
  try {
    return await Promise.race([call(), uncaught]);
  } catch (cause) {
    const isError = cause instanceof Error;
    const what = isError ? cause.message || String(cause) : `threw ${shown(cause)}`;
    const place = isError ? placeOf(cause.stack) : undefined;
    const error = new Error(`${name}: ${what}${place === undefined ? '' : ` (${place})`}`);
    // For dashboards.
    if (isError && cause.stack !== undefined) error.stack = cause.stack;
    throw error;
  } finally {
    process.setUncaughtExceptionCaptureCallback(null);
  }
}

/**
 * Checks what a function of the module returned. The job is not tried again: it would return that
 * once more.
 *
 * @throws UnrecoverableError
 */
export function checkReturned<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof UnrecoverableError) throw error;
    throw new UnrecoverableError((error as Error).message);
  }
}

/** The first place in a stack that is in the user's files: `file:///…/train.mjs:12:5`. */
function placeOf(stack = ''): string | undefined {
  const places = stack.split('\n').flatMap((line) => {
    const [, inBrackets, alone] = /^\s+at (?:.*\((.*)\)|(?:async )?(.*))$/.exec(line) ?? [];
    const place = inBrackets ?? alone;
    return place === undefined ? [] : [place];
  });
  return places.find(
    (place) =>
      /:\d+:\d+$/.test(place) &&
      !/^node:|[\\/]node_modules[\\/]/.test(place) &&
      !place.startsWith(OWN),
  );
}
