// How the caller ends long work, also where the work never waits.

declare function setTimeout(callback: () => void, ms: number): unknown;

// Long enough to cost nothing, short enough for whoever waits for the end.
const TURN_MS = 50;

/**
 * A function that throws the reason of the signal if it is aborted. Every 50 ms it lets timers and
 * events run first: where all work is synchronous, nothing could abort the signal otherwise.
 */
export function abortInTurns(signal?: { throwIfAborted(): void }): () => Promise<void> {
  let last = Date.now();
  return async () => {
    if (signal === undefined) return;
    if (Date.now() - last >= TURN_MS) {
      await new Promise<void>((resolve) => setTimeout(resolve, 0));
      last = Date.now();
    }
    signal.throwIfAborted();
  };
}
