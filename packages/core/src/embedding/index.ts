export { checkEmbedding } from './check-embedding.js';
export { identityOf } from './identity-of.js';
export type { CheckEmbeddingOptions } from './options.js';
