// What interfaces leave open: whether they take time.

/** A value, or a promise of it: backends return whichever is natural. */
export type Awaitable<V> = V | Promise<V>;
