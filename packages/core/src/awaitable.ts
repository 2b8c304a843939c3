// The return type of methods that may be synchronous or asynchronous.

/** A value, or a promise of it. Implementations return whichever suits them. */
export type Awaitable<V> = V | Promise<V>;
