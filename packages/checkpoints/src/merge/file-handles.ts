// An output in files of the File System API: of a browser's picker, or of its private file system.
import type { OutputSink } from './sink.js';

/** What is needed of a `FileSystemFileHandle`. */
export interface WritableHandle {
  /** Begins to write beside the file. */
  createWritable(): Promise<WritableFile>;
}

/** What is needed of a `FileSystemWritableFileStream`. */
export interface WritableFile {
  /** Writes bytes at a position. */
  write(chunk: {
    readonly type: 'write';
    readonly position: number;
    readonly data: Uint8Array<ArrayBuffer>;
  }): Promise<void>;
  /** Puts what was written in the place of the file. */
  close(): Promise<void>;
  /** Drops what was written. */
  abort(): Promise<void>;
}

/**
 * An output in files of the File System API. A browser writes beside each file, and puts the whole
 * in its place at the end. Merges are not resumed.
 *
 * @param handles - a handle for each file of the plan's layout, by name, in that order
 * @returns the sink
 * @example
 * ```ts
 * import type { MergePlan } from '@polyak/checkpoints';
 * import { fileHandleSink, runMerge } from '@polyak/checkpoints';
 *
 * async function mergeInto(folder: FileSystemDirectoryHandle, plan: MergePlan): Promise<void> {
 *   const handles = new Map();
 *   for (const { name } of plan.layout.files) {
 *     handles.set(name, await folder.getFileHandle(name, { create: true }));
 *   }
 *   await runMerge(plan, await fileHandleSink(handles));
 * }
 * ```
 */
export async function fileHandleSink(
  handles: ReadonlyMap<string, WritableHandle>,
): Promise<OutputSink> {
  const files = new Map<string, WritableFile>();
  const abort = async (): Promise<void> => {
    for (const file of files.values()) await file.abort();
  };
  try {
    for (const [name, handle] of handles) files.set(name, await handle.createWritable());
  } catch (error) {
    await abort();
    throw error;
  }
  return {
    async write(name, position, data) {
      const file = files.get(name);
      if (file === undefined) {
        throw new RangeError(
          `fileHandleSink: there is no handle for "${name}", which the output has. Pass one for ` +
            'each file of the layout.',
        );
      }
      const chunk = data as Uint8Array<ArrayBuffer>;
      await file.write({ type: 'write', position, data: chunk });
    },
    checkpoint: () => Promise.resolve(),
    async publish() {
      for (const file of files.values()) await file.close();
    },
    abandon: abort,
  };
}
