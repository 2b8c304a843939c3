// Where a fleet works.
import { requireOptions } from '@polyak/core/kit';
import type { Store } from './store/store.js';

/** Where a fleet works. */
export interface Fleet {
  /** The store of its bytes, which every worker sees. */
  readonly store: Store;
  /**
   * Its Redis or Valkey, such as `redis://127.0.0.1:6379`; `rediss://` for TLS. In a password, `%`,
   * `/`, `?`, `#` and `@` are percent-encoded.
   */
  readonly url: string;
}

/** A fleet, of which nothing is misspelt. */
export function readFleet(call: string, fleet: Fleet): Fleet {
  return requireOptions(call, fleet, ['store', 'url']);
}
