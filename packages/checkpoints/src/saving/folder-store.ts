// What `CheckpointFolder` needs of a folder: the interface between it and a disk or a browser.

/** A folder of files. Its methods throw errors of the system, which `CheckpointFolder` explains. */
export interface FolderStore {
  /** The folder in messages. */
  readonly name: string;
  /** The names of its files, in any order. */
  list(): Promise<readonly string[]>;
  /** The bytes of a file. */
  read(name: string): Promise<Uint8Array>;
  /**
   * Makes or replaces a file. At any time, the old file or the new one is there, whole; the new one
   * is durable when the promise is fulfilled. What killed writers left in the folder is removed,
   * as far as that is possible.
   *
   * @param chunks - the contents. If their iterator throws, so does this, and the old file stays
   */
  write(name: string, chunks: Iterable<Uint8Array>): Promise<void>;
  /** Removes a file; nothing happens if there is none. */
  remove(name: string): Promise<void>;
}
