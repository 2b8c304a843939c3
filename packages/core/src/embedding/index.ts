export { checkEmbedding } from './check-embedding.js';
export type { CheckEmbeddingOptions } from './options.js';
