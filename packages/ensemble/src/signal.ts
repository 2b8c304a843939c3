// How the caller ends a long call.
import { requireFunction } from '@polyak/core/kit';

/** The options of calls that evaluate many models. */
export interface SignalOptions {
  /**
   * An `AbortSignal`. Once it is aborted, its reason is thrown: before the next evaluation, or
   * after the one under way. Everything is as it was before the call.
   */
  readonly signal?: { throwIfAborted(): void };
}

declare function setTimeout(callback: () => void, ms: number): unknown;

// Long enough to cost nothing, short enough for whoever waits for the end.
const TURN_MS = 50;

/**
 * A function that throws the reason of the signal if it is aborted. Every 50 ms it lets timers and
 * events run first: where the evaluation is synchronous, nothing could abort the signal otherwise.
 */
export function abortInTurnsOf(call: string, { signal }: SignalOptions): () => Promise<void> {
  if (signal === undefined) return () => Promise.resolve();
  const abort: unknown = Reflect.get(Object(signal) as object, 'throwIfAborted');
  requireFunction(call, 'throwIfAborted of the signal', abort);
  let last = Date.now();
  return async () => {
    if (Date.now() - last >= TURN_MS) {
      await new Promise<void>((resolve) => setTimeout(resolve, 0));
      last = Date.now();
    }
    signal.throwIfAborted();
  };
}
