// Warnings: what the user should know and the call must not fail for.

import { requireFunction } from '../arguments.js';
import { isPromise } from './steps.js';

declare const console: { warn(message: string): void };

/** Tells the user of something that must not fail the call. Does not throw. */
export type Warn = (message: string) => void;

/**
 * Where the warnings of `what` go.
 *
 * @param what - for the message
 * @param onWarning - the user's function. Default `console.warn`
 * @throws TypeError where it is no function
 */
export function warnerOf(what: string, onWarning: Warn = (text) => console.warn(text)): Warn {
  requireFunction(what, 'onWarning', onWarning);
  return (message) => {
    const failed = (error: unknown): void =>
      console.warn(`${message} (And onWarning failed: ${String(error)}.)`);
    try {
      const told: unknown = onWarning(message);
      // An asynchronous function may be passed too.
      if (isPromise(told)) Promise.resolve(told).catch(failed);
    } catch (error) {
      failed(error);
    }
  };
}
