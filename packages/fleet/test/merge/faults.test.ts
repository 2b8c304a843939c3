import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mean } from '@polyak/checkpoints';
import { mergeFiles } from '@polyak/checkpoints/node';
import { encodeSafetensors } from '@polyak/safetensors';
import { folderStore, mergeByFleet, startWorker } from '@polyak/fleet';
import type { Store } from '@polyak/fleet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NO_REDIS, startRedis } from '../../../../tests/support/redis.js';
import type { TestRedis } from '../../../../tests/support/redis.js';
import { hooked } from './hooked-store.js';

/** A store of which one call fails, counted from the first publication or from the first call. */
function failing(store: Store, at: number, from: 'start' | 'publication'): Store {
  let calls = from === 'start' ? 0 : -Infinity;
  return hooked(store, (call) => {
    if (call === 'publish' && calls === -Infinity) calls = 0;
    if (calls++ === at) throw new Error(`the network failed in ${call}`);
  });
}

describe.skipIf(NO_REDIS)('a merge in which a call of the store fails', () => {
  let redis: TestRedis;
  let folder = '';
  beforeEach(async () => {
    redis = await startRedis();
    folder = await mkdtemp(join(tmpdir(), 'polyak-faults-'));
  });
  afterEach(async () => {
    await redis.stop();
    await rm(folder, { recursive: true });
  });

  const cases = [
    ...[0, 1, 2, 3, 4, 5].map((at) => ['publication', at] as const),
    ...[2, 5, 8, 13, 21].map((at) => ['start', at] as const),
  ];
  it('is tried again, to the same bytes, wherever it fails', { timeout: 120_000 }, async () => {
    const plain = folderStore(folder);
    const inputs = ['m0.safetensors', 'm1.safetensors'];
    for (const [k, input] of inputs.entries()) {
      const tensor = (seed: number) =>
        ({
          dtype: 'float32',
          shape: [1000],
          data: Float32Array.from({ length: 1000 }, (_, i) => Math.sin(i * seed + k)),
        }) as const;
      await plain.put(input, encodeSafetensors({ a: tensor(1), b: tensor(2), c: tensor(3) }));
    }
    const workdir = process.cwd();
    process.chdir(folder);
    try {
      await mergeFiles(inputs, 'expected.safetensors', { method: mean(2) });
    } finally {
      process.chdir(workdir);
    }
    const expected = await plain.get('expected.safetensors');
    for (const [from, at] of cases) {
      const worker = await startWorker(
        { store: failing(plain, at, from), url: redis.url },
        { onWarning: () => undefined },
      );
      const options = { method: mean(2), partBytes: 5000 };
      const output = `out-${from}-${at}.safetensors`;
      await mergeByFleet({ store: plain, url: redis.url }, inputs, output, options);
      await worker.close();
      expect(
        Buffer.compare((await plain.get(output)) ?? Buffer.of(), expected ?? Buffer.of()),
      ).toBe(0);
    }
    const left = (await readdir(folder)).filter(
      (name) => !/^(m\d|expected|out-.*)\.safe/.test(name),
    );
    expect(left).toEqual([]);
  });
});
