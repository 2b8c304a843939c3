// What a merge replaces in its store, and how often it asks that.
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { mean } from '@polyak/checkpoints';
import { mergeFiles } from '@polyak/checkpoints/node';
import type { FleetWorker, Store } from '@polyak/fleet';
import { folderStore, mergeByFleet, startWorker } from '@polyak/fleet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NO_REDIS, startRedis } from '../../../../tests/support/redis.js';
import type { TestRedis } from '../../../../tests/support/redis.js';
import { bytesIn, filesIn, temporaryFolder, writeModels } from './checkpoints.js';
import { hooked } from './hooked-store.js';
import type { StoreCall } from './hooked-store.js';

describe.skipIf(NO_REDIS !== undefined)('the store of a merge', () => {
  const home = process.cwd();
  let redis: TestRedis;
  let folder = '';
  let inputs: readonly string[] = [];
  let worker: FleetWorker;
  let before: (call: StoreCall, key: string) => unknown;

  beforeEach(async () => {
    redis = await startRedis();
    folder = await temporaryFolder();
    inputs = writeModels(folder, 2, 3000);
    process.chdir(folder);
    for (const name of ['one', 'fleet']) mkdirSync(name);
    before = () => undefined;
    const store = hooked(folderStore(folder), (...args) => before(...args));
    worker = await startWorker({ store, url: redis.url }, { onWarning: () => undefined });
  });
  afterEach(async () => {
    await worker.close();
    await redis.stop();
    process.chdir(home);
    await rm(folder, { recursive: true });
  });

  /** Merges on one machine and by the fleet, and compares what is there afterwards. */
  const compare = async (output: string, shardBytes?: number): Promise<readonly string[]> => {
    const options = {
      method: mean(2),
      force: true,
      ...(shardBytes !== undefined && { shardBytes }),
    };
    await mergeFiles(inputs, `one/${output}`, options);
    const fleet = { store: folderStore(folder), url: redis.url };
    await mergeByFleet(fleet, inputs, `fleet/${output}`, { ...options, partBytes: 4000 });
    const files = filesIn('one');
    expect(filesIn('fleet')).toEqual(files);
    expect(await bytesIn('fleet', files)).toEqual(await bytesIn('one', files));
    expect(readdirSync(folder).filter((name) => name.startsWith('.'))).toEqual([]);
    return files;
  };

  it('has the files that one machine leaves where an output is replaced', async () => {
    const index = 'out.safetensors.index.json';
    expect(await compare(index, 6100)).toHaveLength(4);
    expect(await compare(index, 13_000)).toHaveLength(3);
    expect(await compare(index, 6100)).toHaveLength(4);
    expect(await compare('single.safetensors')).toHaveLength(5);
    expect(await compare('single.safetensors', 6100)).toHaveLength(8);
  });

  it('keeps what was written anew in the place of a file that is removed', async () => {
    const index = 'out.safetensors.index.json';
    await compare(index, 6100);
    const [old = ''] = filesIn('fleet').filter((name) => name.includes('of-00003'));
    const plain: Store = folderStore(folder);
    before = async (call, key) => {
      if (call === 'publish' && key.endsWith(index)) {
        await plain.put(`fleet/${old}`, Uint8Array.of(7));
      }
    };
    const fleet = { store: plain, url: redis.url };
    const options = { method: mean(2), force: true, shardBytes: 13_000 };
    await mergeByFleet(fleet, inputs, `fleet/${index}`, options);
    expect([...((await plain.get(`fleet/${old}`)) ?? [])]).toEqual([7]);
    expect(filesIn('fleet')).toHaveLength(4);
  });

  it('has no index of an older output while its files are replaced', async () => {
    const index = 'out.safetensors.index.json';
    await compare(index, 6100);
    const seen: boolean[] = [];
    before = (call) => {
      if (call === 'publish') seen.push(existsSync(join('fleet', index)));
    };
    writeModels(folder, 2, 3001);
    await compare(index, 6100);
    expect(seen).toEqual([false, false, false, false]);
  });

  it('is asked by a part for the files that it reads', async () => {
    const cut = { method: mean(1), shardBytes: 100 };
    for (const [i, input] of inputs.entries()) {
      await mergeFiles([input], `cut-${i}.safetensors`, cut);
    }
    const names = [0, 1].map((i) => `cut-${i}.safetensors.index.json`);
    let asked = 0;
    before = (call, key) => {
      if (call === 'open' && key.startsWith('cut-')) asked += 1;
    };
    let parts = 0;
    const fleet = { store: folderStore(folder), url: redis.url };
    const options = {
      method: mean(2),
      partBytes: 400,
      onParts: (count: number) => (parts = count),
    };
    await mergeByFleet(fleet, names, 'fleet/out.safetensors', options);
    expect(parts).toBeGreaterThan(40);
    // The worker opens all of them and looks at them a few times; a part lies in one or two.
    const all = 2 * 5;
    expect(asked).toBeLessThan(parts * 4 + 4 * all);
    expect(asked).toBeGreaterThan(parts);
  });
});
