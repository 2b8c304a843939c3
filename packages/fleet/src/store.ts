export type { PartialObject, PublishOptions, Store, StoredObject } from './store/store.js';
