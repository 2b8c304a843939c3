// A cost that is no ratio of two times in one process: bytes, or the time of processes.

/** A line of the table of costs. */
export interface Cost {
  /** Such as `memory`, `import` or `bundle`. */
  readonly work: string;
  readonly name: string;
  /** Such as `bytes a weight`. */
  readonly unit: string;
  readonly value: number;
  /** The first and third quartiles of a time. */
  readonly quartiles?: readonly [number, number];
  /** What follows from the design, where something does. */
  readonly computed?: number;
}
