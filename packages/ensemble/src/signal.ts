// How the caller ends a long call.

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
