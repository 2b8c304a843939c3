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
export function abortInTurnsOf(call: string, options: SignalOptions): () => Promise<void> {
  const throwIfAborted = abortOf(call, options);
  let last = Date.now();
  return async () => {
    if (options.signal !== undefined && Date.now() - last >= TURN_MS) {
      await new Promise<void>((resolve) => setTimeout(resolve, 0));
      last = Date.now();
    }
    throwIfAborted();
  };
}

/** A function that throws the reason of the signal if it is aborted. */
export function abortOf(call: string, { signal }: SignalOptions): () => void {
  if (signal === undefined) return () => undefined;
  const abort: unknown = Reflect.get(Object(signal) as object, 'throwIfAborted');
  requireFunction(call, 'throwIfAborted of the signal', abort);
  return () => signal.throwIfAborted();
}
