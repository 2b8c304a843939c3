// An object that many processes write together on S3: pieces under a hidden prefix, which become
// the parts of one multipart upload. S3 copies the parts that are one piece; only those where two
// writers meet pass through the publisher.
import { PolyakError } from '@polyak/core';
import { statusOf } from './s3-bucket.js';
import type { Bucket } from './s3-bucket.js';
import { cellsOf, PieceWriter } from './s3-pieces.js';
import type { Cell, Piece } from './s3-pieces.js';
import type { PartialObject, PublishOptions } from './store.js';

const CONCURRENCY = 4;
/** The metadata of a published object that tells which partial object it was. */
const ID = 'polyak-id';
const [OPEN, PUBLISHED, WITHDRAWN] = ['open', 'published', 'withdrawn'];

/** Whether an object is part of what is not published. */
export function isHidden(key: string): boolean {
  return /(?:^|\/)\.[^/]*\.partial\//.test(key);
}

/** A partial object, as those who write and publish it see it. */
export class S3Partial {
  readonly #bucket: Bucket;
  readonly #key: string;
  readonly #id: string;
  readonly #byteLength: number;
  readonly #prefix: string;

  constructor(bucket: Bucket, key: string, id: string, byteLength: number) {
    this.#bucket = bucket;
    this.#key = key;
    this.#id = id;
    this.#byteLength = byteLength;
    const name = key.lastIndexOf('/') + 1;
    this.#prefix = `${key.slice(0, name)}.${key.slice(name)}.${id}.partial/`;
  }

  async open(): Promise<PartialObject> {
    if ((await this.#state()) === undefined) {
      await this.#bucket.putIfAbsent(this.#at('state'), encode(OPEN));
    }
    const put = (begin: number, bytes: Uint8Array): Promise<void> => this.#putPiece(begin, bytes);
    return new PieceWriter(this.#byteLength, put);
  }

  async publish({ replace = false }: PublishOptions): Promise<void> {
    const path = `${this.#bucket.name}/${this.#key}`;
    await this.#requireBegun();
    const there = await this.#bucket.head(this.#key);
    if (there?.metadata[ID] !== this.#id) {
      if (there !== undefined && !replace) throw exists(path);
      const cells = cellsOf(await this.#pieces(), this.#byteLength);
      const gap = cells.find(({ coveredTo, end }) => coveredTo < end);
      if (gap !== undefined) {
        throw this.#incomplete(`those from byte ${gap.coveredTo} on are missing`);
      }
      await this.#abortUpload();
      await this.#upload(cells, replace).catch(async (error: unknown) => {
        // Another publisher was faster, or the answer to the last request was lost.
        if ((await this.#bucket.head(this.#key))?.metadata[ID] === this.#id) return;
        await this.#abortUpload();
        throw statusOf(error) === 412 ? exists(path) : error;
      });
    }
    await this.#bucket.put(this.#at('state'), encode(PUBLISHED));
  }

  async remove(): Promise<void> {
    // First of all, so that who writes a piece after the list was read removes it.
    await this.#bucket.remove(this.#at('state'));
    await this.#abortUpload();
    await this.#bucket.removeAll(this.#prefix);
  }

  async withdraw(): Promise<void> {
    if ((await this.#state()) !== undefined) {
      // First of all: who publishes at the same time either sees it, or has its upload aborted.
      await this.#bucket.put(this.#at('state'), encode(WITHDRAWN));
      await this.#abortUpload();
      if ((await this.#bucket.head(this.#key))?.metadata[ID] === this.#id) {
        await this.#bucket.remove(this.#key);
      }
    }
    await this.remove();
  }

  async #upload(cells: readonly Cell[], replace: boolean): Promise<void> {
    const { s3 } = this.#bucket;
    const target = this.#bucket.at(this.#key);
    // Each part's checksum is sent with it, and all are compared when the upload is completed.
    const checksum = { ChecksumAlgorithm: 'CRC32' } as const;
    const { UploadId } = await s3.createMultipartUpload({
      ...target,
      ...checksum,
      Metadata: { [ID]: this.#id },
    });
    await this.#bucket.put(this.#at('upload'), encode(UploadId ?? ''));
    await this.#requireBegun();
    const parts = await mapConcurrently(cells, async ({ pieces, begin, end }, index) => {
      const part = { ...target, UploadId, PartNumber: index + 1 };
      const whole = pieces.find((piece) => piece.begin === begin && piece.end === end);
      const result =
        whole === undefined
          ? await s3.uploadPart({
              ...part,
              ...checksum,
              Body: await this.#gathered(pieces, begin, end),
            })
          : (await s3.uploadPartCopy({ ...part, CopySource: this.#bucket.copySource(whole.key) }))
              .CopyPartResult;
      return { PartNumber: index + 1, ETag: result?.ETag, ChecksumCRC32: result?.ChecksumCRC32 };
    });
    await s3.completeMultipartUpload({
      ...target,
      UploadId,
      MultipartUpload: { Parts: parts },
      ...(replace ? {} : { IfNoneMatch: '*' }),
    });
  }

  /** The bytes of a cell. Where pieces overlap, they hold the same. */
  async #gathered(pieces: readonly Piece[], begin: number, end: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(end - begin);
    for (const piece of pieces) {
      const read = await this.#bucket.read(piece.key, 0, piece.end - piece.begin);
      bytes.set(read, piece.begin - begin);
    }
    return bytes;
  }

  async #putPiece(begin: number, bytes: Uint8Array): Promise<void> {
    const key = this.#at(`pieces/${begin}-${begin + bytes.byteLength}`);
    await this.#bucket.put(key, bytes);
    // Asked afterwards: a piece that is written while the object is removed is not left behind.
    if ((await this.#state()) === OPEN) return;
    await this.#bucket.remove(key);
    throw new PolyakError(
      'ERR_CHECKPOINT',
      `write: ${this.#bucket.name}/${this.#prefix} was published or removed meanwhile.`,
    );
  }

  async #pieces(): Promise<readonly Piece[]> {
    const prefix = this.#at('pieces/');
    const pieces: Piece[] = [];
    for await (const { key } of this.#bucket.list(prefix)) {
      const [begin = 0, end = 0] = key.slice(prefix.length).split('-').map(Number);
      pieces.push({ key, begin, end });
    }
    pieces.sort((a, b) => a.begin - b.begin);
    return pieces;
  }

  /** Aborts the upload of a publisher that was killed. */
  async #abortUpload(): Promise<void> {
    const UploadId = decode(await this.#bucket.get(this.#at('upload')));
    if (UploadId === undefined) return;
    const upload = { ...this.#bucket.at(this.#key), UploadId };
    await this.#bucket.s3.abortMultipartUpload(upload).catch((error: unknown) => {
      if (statusOf(error) !== 404) throw error;
    });
    await this.#bucket.remove(this.#at('upload'));
  }

  async #requireBegun(): Promise<void> {
    const state = await this.#state();
    if (state === undefined || state === WITHDRAWN) {
      throw this.#incomplete(`it was ${state ?? 'not begun, or removed'}`);
    }
  }

  async #state(): Promise<string | undefined> {
    return decode(await this.#bucket.get(this.#at('state')));
  }

  #at(name: string): string {
    return this.#prefix + name;
  }

  #incomplete(why: string): PolyakError {
    return new PolyakError(
      'ERR_CHECKPOINT',
      `publish: ${this.#bucket.name}/${this.#prefix} has not all ${this.#byteLength} bytes: ` +
        `${why}. Begin again.`,
    );
  }
}

async function mapConcurrently<T, R>(
  items: readonly T[],
  map: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const queue = items.entries();
  const take = async (): Promise<void> => {
    for (const [index, item] of queue) results[index] = await map(item, index);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, take));
  return results;
}

function exists(path: string): PolyakError {
  return new PolyakError('ERR_EXISTS', `publish: ${path} exists. Pass \`force\`.`);
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function decode(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
}
