// Where a fleet keeps its bytes: a shared folder or a bucket, seen alike by every machine.
import type { ByteSource } from '@polyak/safetensors';

/** An object of a store, open for reading by ranges. */
export interface StoredObject extends ByteSource {
  /** Differs whenever the bytes may differ: the time of modification and the length, or an ETag. */
  readonly version: string;
  /** Closes it. */
  close(): Promise<void>;
}

/** An object that many processes write together. It appears whole, when it is published. */
export interface PartialObject {
  /**
   * Writes a range. The same range may be written again, with the same bytes.
   *
   * @param begin - the offset of the first byte
   * @param bytes - kept by nobody after the promise is fulfilled
   * @throws PolyakError `ERR_CHECKPOINT` where the object was published or removed meanwhile
   */
  write(begin: number, bytes: Uint8Array): Promise<void>;
  /**
   * Reads back what was written, where the store can do so before it is published.
   *
   * @param begin - the offset of the first byte
   * @param byteLength - how many
   */
  read?(begin: number, byteLength: number): Promise<Uint8Array>;
  /**
   * Closes what is open. What was written is durable when the promise is fulfilled.
   *
   * @throws what {@link PartialObject.write} throws, where it was not written before
   */
  close(): Promise<void>;
}

/** What {@link Store.publish} may replace. */
export interface PublishOptions {
  /** Whether an object of that key is replaced. Default false: it is an error. */
  readonly replace?: boolean;
}

/**
 * Objects by keys such as `runs/7/weights.safetensors`: relative paths with `/`, without `..`.
 * Every process of a fleet has a store over the same bytes, though perhaps by another path.
 */
export interface Store {
  /** For messages, such as `/mnt/share` or `s3://bucket/prefix`. */
  readonly name: string;
  /**
   * Opens an object.
   *
   * @throws PolyakError `ERR_CHECKPOINT` where there is none, or the key leads out of the store
   */
  open(key: string): Promise<StoredObject>;
  /** The bytes of a small object; undefined where there is none. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** Writes an object, whole and durable, and replaces an older one. */
  put(key: string, bytes: Uint8Array): Promise<void>;
  /**
   * Writes an object unless there is one: of many writers at once, one wins.
   *
   * @returns whether this one did
   */
  putIfAbsent(key: string, bytes: Uint8Array): Promise<boolean>;
  /** The keys that begin with `prefix`, in the order of their bytes. */
  list(prefix: string): Promise<readonly string[]>;
  /**
   * Removes an object, or all under a prefix that ends in `/`, and folders that are empty then.
   * None is no error.
   */
  remove(key: string): Promise<void>;
  /**
   * Opens a partial object for writing, and makes it where there is none. Those who give the same
   * key and id write the same object.
   *
   * @param key - where it will appear
   * @param id - tells it from others that are to appear there
   * @param byteLength - of the whole object
   */
  openPartial(key: string, id: string, byteLength: number): Promise<PartialObject>;
  /**
   * Makes a partial object appear under its key. Where this one has appeared already, nothing
   * happens, until {@link Store.removePartial}.
   *
   * @throws PolyakError `ERR_EXISTS` where another object has the key, `ERR_CHECKPOINT` where
   *   bytes are missing
   */
  publish(key: string, id: string, byteLength: number, options?: PublishOptions): Promise<void>;
  /** Removes a partial object; what it was published as stays. None is no error. */
  removePartial(key: string, id: string): Promise<void>;
  /**
   * Removes a partial object, and what it was published as, unless {@link Store.removePartial} came
   * first, or another object has its place. Whoever publishes it at the same time fails.
   */
  withdraw(key: string, id: string): Promise<void>;
}
