export type { FleetMerge, FleetMergeOptions } from './merge/merge-by-fleet.js';
export { mergeByFleet } from './merge/merge-by-fleet.js';
export { folderStore } from './store/folder-store.js';
export type { PartialObject, PublishOptions, Store, StoredObject } from './store/store.js';
export type { FleetWorker, FleetWorkerOptions } from './worker.js';
export { startWorker } from './worker.js';
