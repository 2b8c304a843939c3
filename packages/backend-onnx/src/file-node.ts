// The files beside a model, in Node.
export type { DataFolder } from './file/folder.js';
export { fileInside, folderOfModel } from './file/folder.js';
