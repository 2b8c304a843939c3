// Imports tfjs-node and tfjs-node-gpu, also those that polyak-tensorflow-native has built, and
// restores the functions that newer versions of Node have removed.

/**
 * The parts of Node used here, without an import, which bundlers for browsers could not resolve.
 */
interface Builtins {
  readonly 'node:fs': { existsSync(path: string): boolean };
  readonly 'node:module': { createRequire(file: string): (name: string) => unknown };
  readonly 'node:path': {
    dirname(path: string): string;
    join(...parts: readonly string[]): string;
  };
  readonly 'node:util': {
    isNullOrUndefined?: (value: unknown) => boolean;
    isArray?: (value: unknown) => boolean;
  };
}

declare const process: {
  cwd(): string;
  getBuiltinModule<Name extends keyof Builtins>(name: Name): Builtins[Name];
};

/**
 * Imports tfjs-node or tfjs-node-gpu: what the project has installed, or else what
 * `polyak-tensorflow-native` has built in the folder `.tensorflow-native` of the current directory
 * or of one above it.
 *
 * @param name - the package
 * @returns its exports
 * @throws whatever the import of the installed package throws, where none was built
 */
export async function importNative(name: string): Promise<unknown> {
  try {
    return await import(name);
  } catch (error) {
    const folder = builtFolder(name);
    if (folder === undefined) throw error;
    return process.getBuiltinModule('node:module').createRequire(folder)(name);
  }
}

/** Restores the functions of `node:util` that tfjs-node 4.22 calls and Node 23 removed. */
export function restoreUtil(): void {
  const util = process.getBuiltinModule('node:util');
  util.isNullOrUndefined ??= (value) => value === null || value === undefined;
  util.isArray ??= Array.isArray;
}

/** The folder, with a slash at its end, that `node_modules` with the package is in. */
function builtFolder(name: string): string | undefined {
  const { existsSync } = process.getBuiltinModule('node:fs');
  const { dirname, join } = process.getBuiltinModule('node:path');
  let folder = process.cwd();
  for (;;) {
    const built = join(folder, '.tensorflow-native/');
    if (existsSync(join(built, 'node_modules', name))) return built;
    if (folder === dirname(folder)) return undefined;
    folder = dirname(folder);
  }
}
