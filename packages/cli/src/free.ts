// Whether an output may be written: asked before the work, for commands whose output the library
// does not check itself.
import { existsSync } from 'node:fs';
import { PolyakError } from '@polyak/core';

/** @throws PolyakError `ERR_EXISTS` where there is a file that is not to be replaced */
export function requireFree(path: string, { force = false }: { readonly force?: boolean }): void {
  if (force || !existsSync(path)) return;
  throw new PolyakError(
    'ERR_EXISTS',
    `${path} exists. Name another output, or pass --force to replace it.`,
  );
}
