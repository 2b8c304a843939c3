// Which elements of a list of tensors go into which run.

/** Consecutive elements of one tensor. */
interface Piece {
  /** The tensor's place in the list. */
  readonly tensor: number;
  readonly start: number;
  readonly end: number;
}

/** The elements of one run. */
export type Chunk = readonly Piece[];

/**
 * Cuts the concatenation of all tensors into runs of `capacity` elements, the last one shorter:
 * many small tensors share a run, and a large tensor has runs of its own.
 *
 * @param lengths - the element counts, in the order of the list
 * @param capacity - the elements of a run, at least 1
 * @returns the runs; none where there are no elements
 */
export function chunksOf(lengths: readonly number[], capacity: number): readonly Chunk[] {
  const chunks: Piece[][] = [];
  let room = 0;
  lengths.forEach((length, tensor) => {
    for (let start = 0; start < length;) {
      if (room === 0) {
        chunks.push([]);
        room = capacity;
      }
      const end = Math.min(length, start + room);
      chunks.at(-1)?.push({ tensor, start, end });
      room -= end - start;
      start = end;
    }
  });
  return chunks;
}
