// Flags of WebGPU as numbers. `GPUBufferUsage` and `GPUMapMode` are globals of browsers, which Node
// and TypeScript's own types lack.

/** The flags of `GPUBufferUsage` that are used here. */
export const Usage = {
  MAP_READ: 0x01,
  COPY_SRC: 0x04,
  COPY_DST: 0x08,
  UNIFORM: 0x40,
  STORAGE: 0x80,
} as const;

/** `GPUMapMode.READ`. */
export const READ = 1;
