// States of version 1 that were written once, and are never written again, load for good.
import { readFile } from 'node:fs/promises';
import { fromSafetensors, toSafetensors } from '@polyak/core';
import { describe, expect, it } from 'vitest';
import { RUNS, stateAfter } from './version-1.js';

function fixture(name: string): Promise<Uint8Array> {
  return readFile(new URL(`../fixtures/version-1-${name}.safetensors`, import.meta.url));
}

describe.each(Object.entries(RUNS))('the state of %s', (name, start) => {
  it('is the file of version 1, byte for byte', async () => {
    const bytes = toSafetensors(await stateAfter(start(), 4));
    expect(Buffer.compare(bytes, await fixture(name))).toBe(0);
  });

  it('loads from that file, and goes on as the run that wrote it', async () => {
    const [whole, resumed] = [start(), start()];
    await resumed.averages.loadStateDict(fromSafetensors(await fixture(name)));
    await stateAfter(whole, 4);
    const states = [await stateAfter(whole, 3), await stateAfter(resumed, 3)];
    expect(states[1]).toEqual(states[0]);
  });
});

it('a state of a later version is refused by name', async () => {
  const start = RUNS['swa'];
  if (start === undefined) throw new Error('no run');
  const state = { ...((await stateAfter(start(), 1)) as object), version: 2 };
  await expect(start().averages.loadStateDict(state)).rejects.toThrow('version 1');
});
