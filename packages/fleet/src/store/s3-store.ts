// A bucket of an S3-compatible service as a store.
import { PolyakError } from '@polyak/core';
import { requireKey } from './key.js';
import { Bucket } from './s3-bucket.js';
import type { S3StoreOptions } from './s3-bucket.js';
import { isHidden, S3Partial } from './s3-partial.js';
import type { PartialObject, PublishOptions, Store, StoredObject } from './store.js';

/**
 * A bucket of S3, or of a service that is compatible with it, as a store.
 *
 * The service must honour `If-None-Match: *` when an object is put: Amazon S3, Cloudflare R2, Ceph
 * and MinIO say that they do. The first `putIfAbsent` of a store writes its object a second time
 * under that condition, and fails with `ERR_UNSUPPORTED` if it is not refused. The service must
 * also have `UploadPartCopy`, and show what was written to every reader at once.
 *
 * Objects that are not published yet lie under `.NAME.ID.partial/`. A rule of the bucket that
 * aborts incomplete uploads after some days removes what a publisher leaves that is never replaced.
 *
 * @param options - the client, the bucket and the prefix
 * @example
 * ```js
 * import { S3 } from '@aws-sdk/client-s3';
 * import { s3Store } from '@polyak/fleet/s3';
 *
 * const s3 = new S3({ region: 'eu-central-1' });
 * const store = s3Store({ s3, bucket: 'models', prefix: 'run-7' });
 * ```
 */
export function s3Store(options: S3StoreOptions): Store {
  return new S3Store(new Bucket(options));
}

class S3Store implements Store {
  readonly name: string;
  readonly #bucket: Bucket;

  constructor(bucket: Bucket) {
    this.name = bucket.name;
    this.#bucket = bucket;
  }

  async open(key: string): Promise<StoredObject> {
    requireKey(key);
    const head = await this.#bucket.head(key);
    if (head === undefined) {
      throw new PolyakError('ERR_CHECKPOINT', `${this.name} has no object "${key}".`);
    }
    const { size, etag } = head;
    return {
      size,
      version: etag,
      read: (offset, length) => this.#bucket.read(key, offset, length, etag),
      close: () => Promise.resolve(),
    };
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    requireKey(key);
    return await this.#bucket.get(key);
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    requireKey(key);
    await this.#bucket.put(key, bytes);
  }

  async putIfAbsent(key: string, bytes: Uint8Array): Promise<boolean> {
    requireKey(key);
    return await this.#bucket.putIfAbsent(key, bytes);
  }

  async list(prefix: string): Promise<readonly string[]> {
    const keys: string[] = [];
    for await (const { key } of this.#bucket.list(prefix)) if (!isHidden(key)) keys.push(key);
    keys.sort();
    return keys;
  }

  async remove(key: string): Promise<void> {
    requireKey(key.replace(/\/$/, ''));
    await (key.endsWith('/') ? this.#bucket.removeAll(key) : this.#bucket.remove(key));
  }

  async openPartial(key: string, id: string, byteLength: number): Promise<PartialObject> {
    return await this.#partial(key, id, byteLength).open();
  }

  async publish(
    key: string,
    id: string,
    byteLength: number,
    options: PublishOptions = {},
  ): Promise<void> {
    await this.#partial(key, id, byteLength).publish(options);
  }

  async removePartial(key: string, id: string): Promise<void> {
    await this.#partial(key, id, 0).remove();
  }

  async withdraw(key: string, id: string): Promise<void> {
    await this.#partial(key, id, 0).withdraw();
  }

  #partial(key: string, id: string, byteLength: number): S3Partial {
    requireKey(key);
    return new S3Partial(this.#bucket, key, id, byteLength);
  }
}
