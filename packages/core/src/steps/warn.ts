// Warnings: what the user should know and the call must not fail for.

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
  if (typeof onWarning !== 'function') {
    throw new TypeError(`${what}: onWarning is ${typeof onWarning}, expected a function.`);
  }
  return (message) => {
    try {
      onWarning(message);
    } catch (error) {
      console.warn(`${message} (And onWarning failed: ${String(error)}.)`);
    }
  };
}
