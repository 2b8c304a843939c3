// The few calls of S3 that a store is made of, with what they mean for it.
import { randomUUID } from 'node:crypto';
import type { S3 } from '@aws-sdk/client-s3';
import { PolyakError } from '@polyak/core';

/** What is called of the client: `new S3({ … })` of `@aws-sdk/client-s3`. */
export type S3Client = Pick<
  S3,
  | 'abortMultipartUpload'
  | 'completeMultipartUpload'
  | 'createMultipartUpload'
  | 'deleteObject'
  | 'deleteObjects'
  | 'getObject'
  | 'headObject'
  | 'listObjectsV2'
  | 'putObject'
  | 'uploadPart'
  | 'uploadPartCopy'
>;

/** Where a store on S3 keeps its objects. */
export interface S3StoreOptions {
  /** The client, whose region, endpoint, credentials, retries and timeouts are used. */
  readonly s3: S3Client;
  /** An existing bucket. */
  readonly bucket: string;
  /** What comes before all keys, such as `experiments/7`. Default: nothing. */
  readonly prefix?: string;
}

/** What a HEAD tells. */
interface Head {
  readonly size: number;
  readonly etag: string;
  readonly metadata: Readonly<Record<string, string>>;
}

const CONFLICTS = 5;

/** A bucket, by keys that its prefix is put before. */
export class Bucket {
  readonly s3: S3Client;
  readonly name: string;
  readonly #bucket: string;
  readonly #prefix: string;
  #honoursIfNoneMatch = false;

  constructor({ s3, bucket, prefix = '' }: S3StoreOptions) {
    this.s3 = s3;
    this.#bucket = bucket;
    this.#prefix = prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`;
    this.name = `s3://${bucket}/${this.#prefix}`.replace(/\/$/, '');
  }

  at(key: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.#bucket, Key: this.#prefix + key };
  }

  copySource(key: string): string {
    return [this.#bucket, ...`${this.#prefix}${key}`.split('/')].map(encodeURIComponent).join('/');
  }

  async head(key: string): Promise<Head | undefined> {
    const head = await absent(this.s3.headObject(this.at(key)));
    if (head === undefined) return undefined;
    return { size: head.ContentLength ?? 0, etag: head.ETag ?? '', metadata: head.Metadata ?? {} };
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const object = await absent(this.s3.getObject(this.at(key)));
    return await object?.Body?.transformToByteArray();
  }

  /** A range of an object, of the version that has this ETag. */
  async read(key: string, begin: number, length: number, etag?: string): Promise<Uint8Array> {
    if (length === 0) return new Uint8Array(0);
    const Range = `bytes=${begin}-${begin + length - 1}`;
    const request = { ...this.at(key), Range, ...(etag === undefined ? {} : { IfMatch: etag }) };
    const object = await this.s3.getObject(request).catch((cause: unknown) => {
      const status = statusOf(cause);
      if (status !== 404 && status !== 412) throw cause;
      throw new PolyakError(
        'ERR_CHECKPOINT',
        `${this.name}/${key} was ${status === 404 ? 'removed' : 'replaced'} while it was read.`,
        { cause },
      );
    });
    const bytes = (await object.Body?.transformToByteArray()) ?? new Uint8Array(0);
    if (bytes.byteLength === length) return bytes;
    throw new PolyakError(
      'ERR_CHECKPOINT',
      `${this.name}/${key}: ${length} bytes from ${begin} were asked for, ` +
        `${bytes.byteLength} were sent.`,
    );
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    await this.s3.putObject({ ...this.at(key), Body: bytes });
  }

  async putIfAbsent(key: string, bytes: Uint8Array): Promise<boolean> {
    // The client sends a request again whose answer was lost, and is refused by its own object.
    const writer = randomUUID();
    const request = {
      ...this.at(key),
      Body: bytes,
      IfNoneMatch: '*',
      Metadata: { 'polyak-writer': writer },
    };
    for (let conflicts = 0; ; conflicts += 1) {
      try {
        await this.s3.putObject(request);
        break;
      } catch (error) {
        // 409: another request for the key was under way. S3 asks for another try.
        const isConflict = statusOf(error) === 409 && conflicts < CONFLICTS;
        if (isConflict) continue;
        if (statusOf(error) !== 412) throw error;
        return (await this.head(key))?.metadata['polyak-writer'] === writer;
      }
    }
    if (!this.#honoursIfNoneMatch) {
      await this.#requireIfNoneMatch(request);
      this.#honoursIfNoneMatch = true;
    }
    return true;
  }

  /** Keys that begin with `prefix`, and their sizes. */
  async *list(prefix: string): AsyncGenerator<{ readonly key: string; readonly size: number }> {
    let token: string | undefined;
    do {
      const { Key, ...bucket } = this.at(prefix);
      const page = await this.s3.listObjectsV2({
        ...bucket,
        Prefix: Key,
        ...(token === undefined ? {} : { ContinuationToken: token }),
      });
      for (const { Key: key = '', Size: size = 0 } of page.Contents ?? []) {
        yield { key: key.slice(this.#prefix.length), size };
      }
      token = page.NextContinuationToken;
    } while (token !== undefined);
  }

  async remove(key: string): Promise<void> {
    await this.s3.deleteObject(this.at(key));
  }

  async removeAll(prefix: string): Promise<void> {
    let keys: { readonly Key: string }[] = [];
    const removeKeys = async (): Promise<void> => {
      if (keys.length === 0) return;
      const request = { Bucket: this.#bucket, Delete: { Objects: keys, Quiet: true } };
      const [error] = (await this.s3.deleteObjects(request)).Errors ?? [];
      if (error !== undefined) throw new Error(`${error.Key}: ${error.Code} ${error.Message}`);
      keys = [];
    };
    for await (const { key } of this.list(prefix)) {
      keys.push({ Key: this.at(key).Key });
      if (keys.length === 1000) await removeKeys();
    }
    await removeKeys();
  }

  /** Writes what was written again: a service that takes it would let every writer win. */
  async #requireIfNoneMatch(request: Parameters<S3Client['putObject']>[0]): Promise<void> {
    try {
      await this.s3.putObject(request);
    } catch (error) {
      if (statusOf(error) === 412) return;
      throw error;
    }
    throw new PolyakError(
      'ERR_UNSUPPORTED',
      `${this.name}: the service ignores If-None-Match, so that of two writers both would win. ` +
        'Use one that honours it, or a shared folder.',
    );
  }
}

/** The HTTP status of an error of the client. */
export function statusOf(error: unknown): number | undefined {
  return (error as { readonly $metadata?: { readonly httpStatusCode?: number } } | undefined)
    ?.$metadata?.httpStatusCode;
}

/** Undefined for an object that is not there; a bucket that is not there is an error. */
async function absent<T>(call: Promise<T>): Promise<T | undefined> {
  return await call.catch((error: unknown) => {
    if (statusOf(error) === 404 && (error as Error).name !== 'NoSuchBucket') return undefined;
    throw error;
  });
}
