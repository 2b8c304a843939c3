// Warnings, and where they go.

import { requireFunction } from '../arguments.js';

declare const console: { warn(message: string): void };

/** Warns the user of something that is no reason to fail. Does not throw. */
export type Warn = (message: string) => void;

/**
 * The function that receives the warnings of `what`, made safe to call.
 *
 * @param what - for the message
 * @param onWarning - the user's function. Default `console.warn`
 * @throws TypeError if it is not a function
 */
export function warnerOf(what: string, onWarning: Warn = (text) => console.warn(text)): Warn {
  requireFunction(what, 'onWarning', onWarning);
  return (message) => {
    const failed = (error: unknown): void =>
      console.warn(`${message} (And onWarning failed: ${String(error)}.)`);
    try {
      const told: unknown = onWarning(message);
      // An asynchronous function may be passed too.
      Promise.resolve(told).catch(failed);
    } catch (error) {
      failed(error);
    }
  };
}
