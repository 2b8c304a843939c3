// How the caller ends a long call.
import { abortInTurns, requireFunction } from '@polyak/core/kit';

/** The options of calls that evaluate many models. */
export interface SignalOptions {
  /**
   * An `AbortSignal`. Once it is aborted, its reason is thrown: before the next evaluation, or
   * after the one under way. Everything is as it was before the call.
   */
  readonly signal?: {
    /** Throws the reason, once it is aborted. */
    throwIfAborted(): void;
  };
}

/** The check of a call's signal: see `abortInTurns`. Throws unless it is a signal. */
export function abortInTurnsOf(call: string, { signal }: SignalOptions): () => Promise<void> {
  if (signal !== undefined) {
    const abort: unknown = Reflect.get(Object(signal) as object, 'throwIfAborted');
    requireFunction(call, 'throwIfAborted of the signal', abort);
  }
  return abortInTurns(signal);
}
