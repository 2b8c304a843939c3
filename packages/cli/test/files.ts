// Checkpoints in a folder of their own, for tests.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeSafetensors, encodeSafetensors } from '@polyak/safetensors';
import type { HostTensor } from '@polyak/safetensors';
import { afterAll } from 'vitest';

/** Tensors by name. */
export type Tensors = Readonly<Record<string, HostTensor>>;

/** A folder that is removed after the tests of a file. */
export class Folder {
  readonly path: string = mkdtempSync(join(tmpdir(), 'polyak-cli-'));

  constructor() {
    afterAll(() => rmSync(this.path, { recursive: true, force: true }));
  }

  /** The path of a file in it. */
  at(name: string): string {
    return join(this.path, name);
  }

  /** Writes a checkpoint, and returns its path. */
  write(name: string, tensors: Tensors, metadata: Readonly<Record<string, string>> = {}): string {
    writeFileSync(this.at(name), encodeSafetensors(tensors, metadata));
    return this.at(name);
  }

  /** Reads a checkpoint. */
  read(name: string): ReturnType<typeof decodeSafetensors> {
    return decodeSafetensors(readFileSync(this.at(name)));
  }
}

/** A tensor of one dimension. */
export function vector(...values: readonly number[]): HostTensor {
  return { dtype: 'float32', shape: [values.length], data: Float32Array.from(values) };
}
