// The state that withStateDict lends: the averages themselves where they lie in host memory.
import { cpuBackend } from '@polyak/backend-cpu';
import {
  AveragedModel,
  fromSafetensors,
  SWA,
  toSafetensors,
  toSafetensorsChunks,
} from '@polyak/core';
import type { StateTree } from '@polyak/core';
import type { Backend, HostTensor } from '@polyak/core/interfaces';
import { exponential, lastK } from '@polyak/core/rules';
import { describe, expect, it } from 'vitest';
import { fill, sgd, weights } from '../../../../tests/support/sgd.js';

const backend = cpuBackend();
const averages = { exact: exponential(0.9999), last: lastK(2) };

function joined(chunks: Iterable<Uint8Array>): Uint8Array {
  return Uint8Array.from(Buffer.concat([...chunks]));
}

interface Averaging {
  update(): Promise<void>;
  stateDict(): Promise<StateTree>;
  withStateDict<R>(fn: (state: StateTree) => R | Promise<R>): Promise<R>;
  withAveraged(fn: () => Promise<void>): Promise<void>;
  dispose(): Promise<void>;
}

const cell = weights('w', [3]);
const SUBJECTS: readonly (readonly [string, (on: Backend<HostTensor>) => Averaging])[] = [
  ['AveragedModel', (on) => new AveragedModel([cell], { backend: on, averages })],
  [
    'SWA',
    (on) => {
      const swa = new SWA(sgd([{ params: [cell], lr: 0.1 }]), { backend: on, averages });
      return Object.assign(swa, { update: () => swa.updateSwa() });
    },
  ],
];

async function updated(averaging: Averaging): Promise<Averaging> {
  for (const value of [1, 2, 7]) {
    fill(cell, value);
    await averaging.update();
  }
  return averaging;
}

describe.each(SUBJECTS)('%s.withStateDict', (_, make) => {
  it('passes the state of stateDict, also while an average is in the model', async () => {
    const averaging = await updated(make(backend));
    const state = await averaging.stateDict();
    const check = (found: StateTree): void => expect(found).toEqual(state);
    await averaging.withStateDict(check);
    await averaging.withAveraged(() => averaging.withStateDict(check));
  });

  it('saves without a copy: the chunks of the state are its bytes', async () => {
    const averaging = await updated(make({ ...backend, download: () => [] }));
    const bytes = await averaging.withStateDict((state) => joined(toSafetensorsChunks(state)));
    const other = await updated(make(backend));
    expect(bytes).toEqual(toSafetensors(await other.stateDict()));
    expect(fromSafetensors(bytes, { copy: false })).toEqual(await other.stateDict());
  });

  it('downloads where the backend has no views', async () => {
    const { hostViews: _views, ...without } = backend;
    const averaging = await updated(make(without));
    const state = await averaging.stateDict();
    expect(await averaging.withStateDict((found) => found)).toEqual(state);
  });

  it('keeps other calls out until the function is done', async () => {
    const averaging = await updated(make(backend));
    const code = await averaging.withStateDict(async () =>
      averaging.update().catch((error: { readonly code: string }) => error.code),
    );
    expect(code).toBe('ERR_BUSY');
    await averaging.update();
  });

  it('throws what the function throws, and can be called again', async () => {
    const averaging = await updated(make(backend));
    const full = new Error('The disk is full.');
    await expect(averaging.withStateDict(() => Promise.reject(full))).rejects.toBe(full);
    expect(await averaging.withStateDict(() => 'saved')).toBe('saved');
    await averaging.dispose();
    await expect(averaging.withStateDict(() => 0)).rejects.toMatchObject({ code: 'ERR_DISPOSED' });
  });

  it('needs a function', async () => {
    const averaging = make(backend);
    const call = averaging.withStateDict as unknown as (fn: unknown) => Promise<unknown>;
    await expect(call.call(averaging, {})).rejects.toThrow('expected a function');
  });
});
