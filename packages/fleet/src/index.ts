export { folderStore } from './store/folder-store.js';
export type { PartialObject, PublishOptions, Store, StoredObject } from './store/store.js';
