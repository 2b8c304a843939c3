// Imports tfjs-node and tfjs-node-gpu, also those that polyak-tensorflow-native has built, over the
// copy of tfjs that the project has, and restores the functions that newer versions of Node have
// removed.

/**
 * The parts of Node used here, without an import, which bundlers for browsers could not resolve.
 */
interface Builtins {
  readonly 'node:fs': { existsSync(path: string): boolean };
  readonly 'node:module': { createRequire(file: string): Require };
  readonly 'node:path': {
    dirname(path: string): string;
    join(...parts: readonly string[]): string;
  };
  readonly 'node:util': {
    isNullOrUndefined?: (value: unknown) => boolean;
    isArray?: (value: unknown) => boolean;
  };
}

/** Node's `require` for one file. */
interface Require {
  (name: string): unknown;
  resolve(name: string): string;
  /** Of all files: the modules that are loaded, by their paths. */
  readonly cache: Record<string, unknown>;
}

declare const process: {
  cwd(): string;
  getBuiltinModule<Name extends keyof Builtins>(name: Name): Builtins[Name];
};

/** What users import beside a native package. */
const SHARED = ['@tensorflow/tfjs-core', '@tensorflow/tfjs-layers', '@tensorflow/tfjs'];

/**
 * Imports tfjs-node or tfjs-node-gpu: what the project has installed, or else what
 * `polyak-tensorflow-native` has built in the folder `.tensorflow-native` of the current directory
 * or of one above it. It runs on the copy of tfjs that the project imports: two copies would
 * register every kernel twice, and layers of one do not take tensors of the other.
 *
 * @param name - the package
 * @returns its exports
 * @throws whatever the import of the installed package throws, where none was built
 */
export async function importNative(name: string): Promise<unknown> {
  const { createRequire } = process.getBuiltinModule('node:module');
  const { url } = import.meta as unknown as { readonly url: string };
  const own = createRequire(url);
  const installed = resolved(own, name);
  try {
    if (installed !== undefined) shareTensorFlow(own, createRequire(installed));
    return await import(name);
  } catch (error) {
    const folder = builtFolder(name);
    if (folder === undefined) throw error;
    const built = createRequire(folder);
    shareTensorFlow(own, createRequire(built.resolve(name)));
    return built(name);
  }
}

/** Lets `native` find the modules of `own` instead of other copies, unless those are loaded. */
function shareTensorFlow(own: Require, native: Require): void {
  for (const name of SHARED) {
    const [ours, theirs] = [resolved(own, name), resolved(native, name)];
    if (ours === undefined || theirs === undefined || theirs in native.cache) continue;
    own(name);
    native.cache[theirs] = own.cache[ours];
  }
}

/** The file of a package; undefined where it is not installed. */
function resolved(require: Require, name: string): string | undefined {
  try {
    return require.resolve(name);
  } catch {
    return undefined;
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
