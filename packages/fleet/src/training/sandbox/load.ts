// Loads the user's module, and opens the store as the module does.
import { isAbsolute } from 'node:path';
import { folderStore } from '../../store/folder-store.js';
import type { Store } from '../../store/store.js';
import type { TrainingModule } from '../module.js';
import type { SandboxSettings } from './settings.js';

/** What a process that runs the user's module has loaded. */
export interface Loaded {
  readonly module: TrainingModule;
  readonly store: Store;
}

/**
 * Loads the module.
 *
 * @throws TypeError where it does not export what it should; whatever the module throws
 */
export async function load(settings: SandboxSettings): Promise<Loaded> {
  const module = (await import(settings.module)) as TrainingModule;
  requireExports(settings.module, module);
  return { module, store: await storeOf(settings, module) };
}

function requireExports(url: string, module: TrainingModule): void {
  for (const name of ['train', 'bnUpdate', 'evaluate', 'openStore'] as const) {
    const found = typeof module[name];
    if (found === 'function' || (found === 'undefined' && name !== 'train')) continue;
    const what = found === 'undefined' ? 'exports no' : `has a ${found} instead of the`;
    throw new TypeError(`${url} ${what} function "${name}". Write: export async function ${name}.`);
  }
}

async function storeOf(
  { store: name, module: url }: SandboxSettings,
  module: TrainingModule,
): Promise<Store> {
  if (module.openStore === undefined && isAbsolute(name)) return folderStore(name);
  const store = await module.openStore?.();
  if (store?.name === name) return store;
  const found = store === undefined ? 'exports no "openStore"' : `opens the store ${store.name}`;
  throw new TypeError(
    `${url} ${found}, and the worker has the store ${name}. Let "openStore" return that one.`,
  );
}
