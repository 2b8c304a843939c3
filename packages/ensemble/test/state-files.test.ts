// Files of states of version 1. Later versions of the packages load them, and write the same bytes
// for as long as they write version 1.
import { readFileSync } from 'node:fs';
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { fromSafetensors, toSafetensors } from '@polyak/core';
import type { NamedTensors } from '@polyak/core';
import type { HostTensor } from '@polyak/core/interfaces';
import { Soup, SWAG } from '@polyak/ensemble';
import { describe, expect, it } from 'vitest';

function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`fixtures/${name}.safetensors`, import.meta.url)));
}

describe('the file of a soup', () => {
  const member = (first: number, second: number, steps: number): NamedTensors => ({
    'dense/kernel': { dtype: 'float32', shape: [2, 1], data: Float32Array.of(first, second) },
    'dense/bias': { dtype: 'bfloat16', shape: [], data: Uint16Array.of(0x3f80 + steps) },
    steps: { dtype: 'int32', shape: [1], data: Int32Array.of(steps) },
  });
  // Of sizes that take three parts.
  const [first, second, third] = [member(1, 3e38, 1), member(-1, 1, 2), member(9, 2 ** -60, 3)];
  const soup = (): Soup =>
    new Soup().add(first, { name: 'first', weight: 2 }).add(second).add(third, { name: '$third' });

  it('is written as ever', () => {
    expect(toSafetensors(soup().stateDict())).toEqual(fixture('soup-1'));
  });

  it('is read as ever', () => {
    const loaded = new Soup();
    loaded.loadStateDict(fromSafetensors(fixture('soup-1')));
    expect([loaded.count, loaded.names]).toEqual([3, ['first', '$third']]);
    expect(loaded.mean()).toEqual(soup().mean());
    loaded.remove(first, { name: 'first' }).remove(second);
    expect(loaded.mean()['dense/kernel']).toEqual(third['dense/kernel']);
  });
});

describe('the file of a SWAG', () => {
  const values = Float32Array.of(0, 0);
  const swag = (): SWAG<HostTensor> =>
    new SWAG(
      [
        parameter('dense/kernel', { dtype: 'float32', shape: [2, 1], data: values }),
        parameter('steps', { dtype: 'int32', shape: [1], data: Int32Array.of(3) }),
      ],
      { backend: cpuBackend(), rank: 2, seed: 7 },
    );
  async function collected(): Promise<SWAG<HostTensor>> {
    const made = swag();
    for (const [first, second] of [
      [1, -1],
      [2, 5],
      [4, 0.5],
    ] as const) {
      values.set([first, second]);
      await made.collect();
    }
    await made.sample();
    return made;
  }

  it('is written as ever', async () => {
    expect(toSafetensors(await (await collected()).stateDict())).toEqual(fixture('swag-1'));
  });

  it('is read as ever', async () => {
    const loaded = swag();
    await loaded.loadStateDict(fromSafetensors(fixture('swag-1')));
    expect(loaded.nModels).toBe(3);
    expect(await loaded.sample()).toEqual(await (await collected()).sample());
  });
});
