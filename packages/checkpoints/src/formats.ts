export { isPolyakState, polyakCheckpoint } from './formats/polyak.js';
export { safetensorsCheckpoint } from './formats/safetensors.js';
export { shardedCheckpoint } from './formats/sharded.js';
