// Where the bytes of an output go: files, a browser's file handles, memory.

/** Where an output goes. */
export interface OutputSink {
  /**
   * Writes bytes into a file of the layout at a position. Calls for one file may come in any order
   * and overlap in time. The bytes may be overwritten once the promise is fulfilled.
   */
  write(file: string, position: number, bytes: Uint8Array): Promise<void>;
  /**
   * Records that everything before `progress` has been written: an opaque JSON value of the engine,
   * such as the next unit and the checksums so far. Called about once a second at most, and not
   * before the last call has ended; durable when the promise is fulfilled.
   */
  checkpoint(progress: unknown): Promise<void>;
  /** All bytes are written: makes them durable and publishes the files, the layout's last last. */
  publish(): Promise<void>;
  /** Gives up. What was staged is kept if the sink can resume, and removed otherwise. */
  abandon(): Promise<void>;
}
