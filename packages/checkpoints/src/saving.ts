export type { CheckpointFolderOptions, SaveOptions } from './saving/checkpoint-folder.js';
export { CheckpointFolder } from './saving/checkpoint-folder.js';
export type { DirectoryHandle, MovableHandle } from './saving/directory-handle.js';
export { directoryStore } from './saving/directory-handle.js';
export type { FolderStore } from './saving/folder-store.js';
export type { SavedCheckpoint } from './saving/saved-checkpoint.js';
