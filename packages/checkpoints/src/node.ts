export type { ByteSource } from '@polyak/safetensors';
