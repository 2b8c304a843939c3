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

/** A function that throws the reason of the signal if it is aborted. */
export function abortOf(call: string, { signal }: SignalOptions): () => void {
  if (signal === undefined) return () => undefined;
  const abort: unknown = Reflect.get(Object(signal) as object, 'throwIfAborted');
  requireFunction(call, 'throwIfAborted of the signal', abort);
  return () => signal.throwIfAborted();
}
