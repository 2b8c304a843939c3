// The free bytes of a memory. First fit from the lowest address reuses pages that were touched
// before. Adjacent free ranges are joined, so that freed tensors make room for others of any size.

interface Gap {
  start: number;
  end: number;
}

/** The free ranges of one address space. */
export class FreeList {
  // By address; no two touch.
  readonly #gaps: Gap[];
  #free: number;

  /**
   * @param start - the first free address
   * @param end - the first address beyond, or the same where nothing is free
   */
  constructor(start: number, end: number) {
    this.#gaps = [{ start, end }];
    this.#free = end - start;
  }

  /** How much is free in all, in one range or in many. */
  get free(): number {
    return this.#free;
  }

  /**
   * Takes a range.
   *
   * @param size - its length, above 0
   * @returns its address, or undefined where no gap is as long
   */
  take(size: number): number | undefined {
    const index = this.#gaps.findIndex((gap) => gap.end - gap.start >= size);
    const gap = this.#gaps[index];
    if (gap === undefined) {
      return undefined;
    }
    const { start } = gap;
    gap.start += size;
    this.#free -= size;
    if (gap.start === gap.end) {
      this.#gaps.splice(index, 1);
    }
    return start;
  }

  /**
   * Gives a range back that {@link FreeList.take} returned.
   *
   * @param start - its address
   * @param size - its length
   */
  give(start: number, size: number): void {
    const end = start + size;
    this.#free += size;
    const index = this.#firstAfter(start);
    const before = this.#gaps[index - 1];
    const after = this.#gaps[index];
    const joinsBefore = before?.end === start;
    const joinsAfter = after?.start === end;
    if (joinsBefore && joinsAfter) {
      before.end = after.end;
      this.#gaps.splice(index, 1);
    } else if (joinsBefore) {
      before.end = end;
    } else if (joinsAfter) {
      after.start = start;
    } else {
      this.#gaps.splice(index, 0, { start, end });
    }
  }

  #firstAfter(address: number): number {
    let low = 0;
    let high = this.#gaps.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const gap = this.#gaps[middle];
      if (gap !== undefined && gap.start < address) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
}
