// One parameter, snapshots of it, and files in memory, for the tests of snapshots.
import { cpuBackend } from '@polyak/backend-cpu';
import type { Backend, HostTensor, Parameter } from '@polyak/core/interfaces';
import { Snapshots } from '@polyak/ensemble';
import type { SnapshotFiles, SnapshotsOptions } from '@polyak/ensemble';
import { fill, read, weights } from '../../../../tests/support/sgd.js';

export const backend = cpuBackend();
export const STORES = ['device', 'host'] as const;

export interface Run {
  readonly cell: Parameter<HostTensor>;
  /** Snapshots of its model. */
  snapshots(store: SnapshotsOptions<HostTensor>['store'], limit?: number): Snapshots<HostTensor>;
}

export function start(runtime: Backend<HostTensor> = backend): Run {
  const cell = weights('w', [2]);
  return {
    cell,
    snapshots: (store, limit = Infinity) =>
      new Snapshots([cell], { backend: runtime, store, limit }),
  };
}

export async function takeValues(
  cell: Parameter<HostTensor>,
  snapshots: Snapshots<HostTensor>,
  ...values: number[]
) {
  for (const value of values) {
    fill(cell, value);
    await snapshots.take();
  }
}

/** What each member shows in the model. */
export async function shown(
  { cell }: Run,
  snapshots: Snapshots<HostTensor>,
): Promise<(number | undefined)[]> {
  return snapshots.withEach(() => read(cell)[0]);
}

/** Bytes by key, in memory; each call can be made to fail. */
export function memoryFiles(): SnapshotFiles & {
  readonly held: Map<string, Uint8Array>;
  failing: string;
} {
  const held = new Map<string, Uint8Array>();
  const files = {
    held,
    failing: '',
    write(key: string, bytes: Uint8Array) {
      if (files.failing === 'write') throw new Error('disk full');
      held.set(key, bytes);
    },
    read: (key: string) => held.get(key) ?? new Uint8Array(),
    remove(key: string) {
      if (files.failing === key) throw new Error('not permitted');
      held.delete(key);
    },
  };
  return files;
}
