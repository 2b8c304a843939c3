export { s3Store } from './store/s3-store.js';
export type { S3Client, S3StoreOptions } from './store/s3-bucket.js';
