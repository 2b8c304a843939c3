// What only the store on S3 does. The first group needs no service.
import { s3Store } from '@polyak/fleet/s3';
import type { S3Client } from '@polyak/fleet/s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NO_S3, startS3 } from '../support/s3.js';
import type { TestS3 } from '../support/s3.js';
import { storeTests } from './store-tests.js';

const MIB = 2 ** 20;
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

/** An error as the client throws it. */
function failure(status: number): Error {
  return Object.assign(new Error(String(status)), { $metadata: { httpStatusCode: status } });
}

/** A client that has the given calls only. */
function clientOf(calls: Partial<Record<keyof S3Client, (input: never) => unknown>>): S3Client {
  return calls as unknown as S3Client;
}

describe('s3Store, by what a client answers', () => {
  it('refuses a service that ignores If-None-Match', async () => {
    const s3 = clientOf({ putObject: () => Promise.resolve({}) });
    const store = s3Store({ s3, bucket: 'b', prefix: 'p' });
    await expect(store.putIfAbsent('key', bytes(1))).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: expect.stringContaining('s3://b/p'),
    });
  });

  it('knows its own object when the answer to its first request was lost', async () => {
    let metadata: Record<string, string> = {};
    const s3 = clientOf({
      putObject: ({ Metadata }: { Metadata: Record<string, string> }) => {
        metadata = Metadata;
        return Promise.reject(failure(412));
      },
      headObject: () => Promise.resolve({ Metadata: metadata }),
    });
    expect(await s3Store({ s3, bucket: 'b' }).putIfAbsent('key', bytes(1))).toBe(true);
  });

  it('tries again after a conflict, five times', async () => {
    let calls = 0;
    const conflicts = (count: number): S3Client => {
      calls = 0;
      return clientOf({
        putObject: () => {
          calls += 1;
          if (calls <= count) return Promise.reject(failure(409));
          return calls === count + 1 ? Promise.resolve({}) : Promise.reject(failure(412));
        },
      });
    };
    expect(await s3Store({ s3: conflicts(5), bucket: 'b' }).putIfAbsent('key', bytes(1))).toBe(
      true,
    );
    await expect(
      s3Store({ s3: conflicts(6), bucket: 'b' }).putIfAbsent('key', bytes(1)),
    ).rejects.toThrow('409');
    expect(calls).toBe(6);
  });

  it('refuses a range that comes short', async () => {
    const s3 = clientOf({
      headObject: () => Promise.resolve({ ContentLength: 4, ETag: '"e"' }),
      getObject: () =>
        Promise.resolve({ Body: { transformToByteArray: () => Promise.resolve(bytes(1)) } }),
    });
    const object = await s3Store({ s3, bucket: 'b' }).open('key');
    await expect(object.read(0, 2)).rejects.toThrow(/2 bytes from 0 were asked for, 1 were sent/);
  });

  it('says which keys were not removed', async () => {
    const s3 = clientOf({
      listObjectsV2: () => Promise.resolve({ Contents: [{ Key: 'a/b', Size: 1 }] }),
      deleteObjects: () =>
        Promise.resolve({ Errors: [{ Key: 'a/b', Code: 'AccessDenied', Message: 'no' }] }),
    });
    await expect(s3Store({ s3, bucket: 'b' }).remove('a/')).rejects.toThrow(/a\/b: AccessDenied/);
  });
});

describe.skipIf(NO_S3 !== undefined)('s3Store on a service', () => {
  let service: TestS3;
  beforeAll(async () => {
    service = await startS3();
  }, 120_000);
  afterAll(async () => {
    await service?.stop();
  });

  let made = 0;
  storeTests('S3', () => {
    made += 1;
    return Promise.resolve(s3Store({ ...service, prefix: `store é+${made}` }));
  });

  const keysOf = async (prefix: string): Promise<readonly string[]> => {
    const page = await service.s3.listObjectsV2({ Bucket: service.bucket, Prefix: prefix });
    return (page.Contents ?? []).map(({ Key = '' }) => Key);
  };
  const uploads = async (): Promise<number> => {
    const page = await service.s3.listMultipartUploads({ Bucket: service.bucket });
    return page.Uploads?.length ?? 0;
  };
  /** The service, with its calls counted, and answered otherwise where a function is given. */
  const watched = (
    instead: Partial<Record<keyof S3Client, () => Promise<unknown>>> = {},
  ): { readonly s3: S3Client; readonly calls: Map<string, number> } => {
    const calls = new Map<string, number>();
    const s3 = new Proxy(service.s3, {
      get: (target, name: keyof S3Client) => {
        const call = target[name].bind(target) as (input: unknown) => Promise<unknown>;
        return async (input: unknown) => {
          calls.set(name, (calls.get(name) ?? 0) + 1);
          return await (instead[name]?.() ?? call(input));
        };
      },
    });
    return { s3, calls };
  };

  it('refuses to go on reading an object that was replaced or removed', async () => {
    const store = s3Store({ ...service, prefix: 'replaced' });
    await store.put('a', bytes(1, 2));
    const object = await store.open('a');
    expect([...(await object.read(0, 2))]).toEqual([1, 2]);
    await store.put('a', bytes(3, 4));
    await expect(object.read(0, 2)).rejects.toThrow(/a was replaced while it was read/);
    await store.remove('a');
    await expect(object.read(0, 2)).rejects.toThrow(/a was removed while it was read/);
  });

  it('leaves copying to S3, and gathers only where writers meet', async () => {
    const { s3, calls } = watched();
    const store = s3Store({ s3, bucket: service.bucket, prefix: 'cells' });
    const length = 40 * MIB + 5;
    const [first, second] = await Promise.all(
      [0, 1].map(() => store.openPartial('out', 'run', length)),
    );
    // Cells of 8 MiB: the third has bytes of both writers.
    await first?.write(0, new Uint8Array(20 * MIB).fill(1));
    for (let at = 20 * MIB; at < length; at += MIB) {
      await second?.write(at, new Uint8Array(Math.min(MIB, length - at)).fill(2));
    }
    await first?.close();
    await second?.close();
    expect((await keysOf('cells/.out.run.partial/pieces/')).length).toBe(7);
    await store.publish('out', 'run', length);
    expect(calls.get('uploadPartCopy')).toBe(5);
    expect(calls.get('uploadPart')).toBe(1);
    const object = await store.open('out');
    expect([...(await object.read(20 * MIB - 1, 2))]).toEqual([1, 2]);
    await store.removePartial('out', 'run');
    expect(await keysOf('cells/')).toEqual(['cells/out']);
    expect(await uploads()).toBe(0);
  });

  it('names the first byte that is missing', async () => {
    const store = s3Store({ ...service, prefix: 'gap' });
    const partial = await store.openPartial('out', 'run', 10);
    await partial.write(0, bytes(1, 2, 3));
    await partial.write(4, bytes(5, 6, 7, 8, 9, 10));
    await partial.close();
    await expect(store.publish('out', 'run', 10)).rejects.toThrow(/from byte 3 on are missing/);
    expect(await store.list('')).toEqual([]);
    await partial.write(3, bytes(4));
    await partial.close();
    await store.publish('out', 'run', 10);
    expect([...((await store.get('out')) ?? [])]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it('publishes an object without bytes', async () => {
    const store = s3Store({ ...service, prefix: 'empty' });
    await (await store.openPartial('out', 'run', 0)).close();
    await store.publish('out', 'run', 0);
    expect((await store.open('out')).size).toBe(0);
  });

  it('refuses to write past the end', async () => {
    const store = s3Store({ ...service, prefix: 'end' });
    const partial = await store.openPartial('out', 'run', 2);
    await expect(partial.write(1, bytes(1, 2))).rejects.toThrow(RangeError);
  });

  it('goes on after a publisher that was killed, and aborts its upload', async () => {
    const killed = watched({ completeMultipartUpload: () => new Promise(() => undefined) });
    const dead = s3Store({ s3: killed.s3, bucket: service.bucket, prefix: 'killed' });
    const partial = await dead.openPartial('out', 'run', 1);
    await partial.write(0, bytes(4));
    await partial.close();
    void dead.publish('out', 'run', 1);
    while (!killed.calls.has('completeMultipartUpload')) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(await uploads()).toBe(1);
    const store = s3Store({ ...service, prefix: 'killed' });
    await store.publish('out', 'run', 1);
    expect(await uploads()).toBe(0);
    expect([...((await store.get('out')) ?? [])]).toEqual([4]);
  });

  it.each(['createMultipartUpload', 'uploadPart', 'completeMultipartUpload'] as const)(
    'leaves nothing that is withdrawn at %s',
    async (call) => {
      const prefix = `withdrawn-${call}`;
      const store = s3Store({ ...service, prefix });
      const { s3 } = watched({
        [call]: async (input: never): Promise<unknown> => {
          const original = service.s3[call].bind(service.s3) as (input: never) => unknown;
          if (call !== 'createMultipartUpload') await store.withdraw('out', 'run');
          const answer = await original(input);
          await store.withdraw('out', 'run');
          return answer;
        },
      });
      const partial = await store.openPartial('out', 'run', 2);
      await partial.write(0, bytes(1));
      await partial.close();
      await partial.write(1, bytes(2));
      await partial.close();
      const slow = s3Store({ s3, bucket: service.bucket, prefix });
      await expect(slow.publish('out', 'run', 2)).rejects.toBeInstanceOf(Error);
      await store.withdraw('out', 'run');
      expect(await keysOf(`${prefix}/`)).toEqual([]);
      expect(await uploads()).toBe(0);
    },
  );

  it('takes a publication for done whose answer was lost', async () => {
    const { s3 } = service;
    const lost = new Proxy(s3, {
      get: (target, name: keyof S3Client) => {
        const call = target[name].bind(target) as (input: unknown) => Promise<unknown>;
        if (name !== 'completeMultipartUpload') return call;
        return async (input: unknown) => {
          await call(input);
          throw failure(404);
        };
      },
    });
    const store = s3Store({ s3: lost, bucket: service.bucket, prefix: 'lost' });
    const partial = await store.openPartial('out', 'run', 1);
    await partial.write(0, bytes(4));
    await partial.close();
    await store.publish('out', 'run', 1);
    expect([...((await store.get('out')) ?? [])]).toEqual([4]);
  });

  it('says that another object came first, and leaves no upload', async () => {
    const refused = watched({ completeMultipartUpload: () => Promise.reject(failure(412)) });
    const store = s3Store({ s3: refused.s3, bucket: service.bucket, prefix: 'second' });
    const partial = await store.openPartial('out', 'run', 1);
    await partial.write(0, bytes(4));
    await partial.close();
    await expect(store.publish('out', 'run', 1)).rejects.toMatchObject({ code: 'ERR_EXISTS' });
    expect(await uploads()).toBe(0);
  });

  it('leaves no piece that was written while the object was removed', async () => {
    const store = s3Store({ ...service, prefix: 'removed' });
    const partial = await store.openPartial('out', 'run', 4);
    await store.removePartial('out', 'run');
    await partial.write(0, bytes(1));
    await expect(partial.close()).rejects.toThrow(/published or removed/);
    expect(await keysOf('removed/')).toEqual([]);
  });

  it('publishes one object when many publish it at once', async () => {
    const stores = Array.from({ length: 4 }, () => s3Store({ ...service, prefix: 'race' }));
    const partial = await stores[0]?.openPartial('out', 'run', 3);
    await partial?.write(0, bytes(1, 2, 3));
    await partial?.close();
    const results = await Promise.allSettled(stores.map((store) => store.publish('out', 'run', 3)));
    expect(results.some(({ status }) => status === 'fulfilled')).toBe(true);
    await stores[0]?.publish('out', 'run', 3);
    expect([...((await stores[0]?.get('out')) ?? [])]).toEqual([1, 2, 3]);
  });

  it('passes on what the service refuses', async () => {
    const s3 = service.client('a wrong secret');
    const store = s3Store({ s3, bucket: service.bucket });
    await expect(store.get('a')).rejects.toMatchObject({ name: 'SignatureDoesNotMatch' });
    const other = s3Store({ s3: service.s3, bucket: 'no-such-bucket' });
    await expect(other.get('a')).rejects.toMatchObject({ name: 'NoSuchBucket' });
    await expect(other.open('a')).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
  });
});
