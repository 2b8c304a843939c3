// A disk that fails at one call, for `vi.mock` of node:fs/promises.
import type * as Files from 'node:fs/promises';

const USES = new Set(['write', 'writeFile', 'truncate', 'datasync', 'sync']);

/** Counts the calls that a disk can fail: opening, writing, syncing, renaming. */
export const disk = {
  calls: 0,
  /** The number of the call that fails, from 1; 0 for none. */
  failAt: 0,
  code: 'ENOSPC',
  /** Begins to count anew. */
  reset(failAt = 0, code = 'ENOSPC'): void {
    Object.assign(this, { calls: 0, failAt, code });
  },
  call(): void {
    this.calls += 1;
    if (this.calls === this.failAt) throw Object.assign(new Error(this.code), { code: this.code });
  },
};

/** The module with calls that {@link disk} counts. */
export async function onFailingDisk(original: () => Promise<typeof Files>): Promise<typeof Files> {
  const fs = await original();
  const open: typeof fs.open = async (path, flags, mode) => {
    disk.call();
    const handle = await fs.open(path, flags, mode);
    return new Proxy(handle, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return async (...args: unknown[]): Promise<unknown> => {
          if (USES.has(String(name))) disk.call();
          return (await value.apply(target, args)) as unknown;
        };
      },
    });
  };
  const rename: typeof fs.rename = async (from, to) => {
    disk.call();
    await fs.rename(from, to);
  };
  return { ...fs, open, rename };
}
