// A tensor's place among averages that are packed into a few large textures.

/** A stretch of packed averages. Only the backend makes it, and only the backend reads it. */
export interface GpujsSlice {
  /** The first element. */
  readonly start: number;
  /** The number of elements. */
  readonly length: number;
}
