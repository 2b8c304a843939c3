// Files of Node as sources of bytes.
import { constants, read as readFrom } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { PolyakError } from './error.js';
import { requireRange } from './stream/byte-source.js';
import type { ByteSource } from './stream/byte-source.js';

// Node and some systems read less than 2 GiB at once.
const LONGEST = 2 ** 30;

/** An open file. */
export interface FileSource extends ByteSource {
  readInto(offset: number, target: Uint8Array): Promise<void>;
  /** Closes the file once its reads have ended; those that follow are refused. */
  close(): Promise<void>;
}

/**
 * Opens a file of any length for reading.
 *
 * @param path - of a file; folders, pipes and devices are refused
 * @returns the file, as long as it is now; the caller closes it
 * @throws PolyakError `ERR_CHECKPOINT` where `path` is not a file. Its reads throw the same
 * where the file became shorter
 * @example
 * ```ts
 * import { writeFile } from 'node:fs/promises';
 * import { encodeSafetensors, openSafetensors } from '@polyak/safetensors';
 * import { openFile } from '@polyak/safetensors/node';
 *
 * await writeFile('model.safetensors', encodeSafetensors({}));
 * const file = await openFile('model.safetensors');
 * try {
 *   console.log((await openSafetensors(file)).tensors.size); // 0
 * } finally {
 *   await file.close();
 * }
 * ```
 */
export async function openFile(path: string): Promise<FileSource> {
  // Without O_NONBLOCK, which Windows lacks, a pipe would be waited for.
  const { O_RDONLY, O_NONBLOCK = 0 } = constants as Partial<typeof constants>;
  const handle = await open(path, (O_RDONLY ?? 0) | O_NONBLOCK);
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) {
      throw new PolyakError(
        'ERR_CHECKPOINT',
        `openFile: ${path} is ${kindOf(stats)}, expected a file.`,
      );
    }
    return sourceOf(path, handle, stats.size);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function sourceOf(path: string, handle: FileHandle, size: number): FileSource {
  // A file that was closed under a read might have lent its number to another one.
  const reads = new Set<Promise<void>>();
  let isClosed = false;
  const fill = async (target: Uint8Array, offset: number): Promise<void> => {
    for (let at = 0; at < target.byteLength;) {
      const bytesRead = await readAt(handle.fd, target.subarray(at, at + LONGEST), offset + at);
      if (bytesRead === 0) {
        throw new PolyakError(
          'ERR_CHECKPOINT',
          `read: ${path} ends at ${offset + at}, but had ${size} bytes when it was opened. Is ` +
            'it being written?',
        );
      }
      at += bytesRead;
    }
  };
  const readInto = async (offset: number, target: Uint8Array): Promise<void> => {
    requireRange(size, offset, target.byteLength);
    if (isClosed) throw new PolyakError('ERR_CHECKPOINT', `read: ${path} was closed.`);
    const read = fill(target, offset);
    reads.add(read);
    await read.finally(() => reads.delete(read));
  };
  return {
    size,
    readInto,
    async read(offset, length) {
      requireRange(size, offset, length);
      const bytes = new Uint8Array(length);
      await readInto(offset, bytes);
      return bytes;
    },
    async close() {
      isClosed = true;
      await Promise.allSettled(reads);
      await handle.close();
    },
  };
}

/** `FileHandle.read` does the same; it takes half as long again to begin. */
function readAt(fd: number, target: Uint8Array, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    readFrom(fd, target, 0, target.byteLength, position, (error, bytesRead) => {
      if (error === null) resolve(bytesRead);
      else reject(error);
    });
  });
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a folder';
  return stats.isFIFO() ? 'a pipe' : 'a device or socket';
}
