// A merge whose store is a bucket: the bytes of one machine, and nothing left behind.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { mean } from '@polyak/checkpoints';
import { mergeFiles } from '@polyak/checkpoints/node';
import { mergeByFleet, startWorker } from '@polyak/fleet';
import { s3Store } from '@polyak/fleet/s3';
import { encodeSafetensors } from '@polyak/safetensors';
import { describe, expect, it } from 'vitest';
import { NO_REDIS, startRedis } from '../../../../tests/support/redis.js';
import { NO_S3, startS3 } from '../support/s3.js';

/** Tensors of 4 MB, whose borders are not those of parts. */
function model(seed: number): Uint8Array {
  const tensors = Array.from({ length: 12 }, (_, i) => {
    const length = (1000 + i) * 1024;
    const data = Float32Array.from({ length }, (_value, j) => Math.sin(j * seed + i));
    return [`layer.${i}`, { dtype: 'float32', shape: [length], data }] as const;
  });
  return encodeSafetensors(Object.fromEntries(tensors));
}

describe.skipIf((NO_REDIS ?? NO_S3) !== undefined)('mergeByFleet on S3', () => {
  it('writes the bytes of one machine, and leaves nothing', { timeout: 240_000 }, async () => {
    const [redis, service] = [await startRedis(), await startS3()];
    const folder = await mkdtemp(join(tmpdir(), 'polyak-merge-s3-'));
    const { url } = redis;
    // The record in the output names the inputs as they are called there.
    const home = process.cwd();
    process.chdir(folder);
    const open = () => s3Store({ ...service, prefix: 'merges' });
    const store = open();
    const workers = await Promise.all([1, 2, 3].map(() => startWorker({ store: open(), url })));
    try {
      const inputs = ['a.safetensors', 'b.safetensors', 'c.safetensors'];
      for (const [index, input] of inputs.entries()) {
        const bytes = model(index + 1);
        await writeFile(input, bytes);
        await store.put(input, bytes);
      }
      let parts = 0;
      const method = mean(inputs.length);
      await mergeByFleet({ store, url }, inputs, 'out.safetensors', {
        method,
        partBytes: 5e6,
        onParts: (count) => (parts = count),
      });
      expect(parts).toBeGreaterThan(5);
      await mergeFiles(inputs, 'out.safetensors', { method });
      const expected = await readFile('out.safetensors');
      const found = (await store.get('out.safetensors')) ?? new Uint8Array();
      expect(Buffer.compare(found, expected)).toBe(0);
      const { Contents = [] } = await service.s3.listObjectsV2({ Bucket: service.bucket });
      expect(Contents.map(({ Key = '' }) => basename(Key))).toEqual([...inputs, 'out.safetensors']);
      const { Uploads = [] } = await service.s3.listMultipartUploads({ Bucket: service.bucket });
      expect(Uploads).toEqual([]);
    } finally {
      process.chdir(home);
      for (const worker of workers) await worker.close();
      await redis.stop();
      await service.stop();
      await rm(folder, { recursive: true });
    }
  });
});
