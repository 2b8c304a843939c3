// Checkpoints for merges, and what is in a folder.
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Checkpoint } from '@polyak/checkpoints';
import { openCheckpoint } from '@polyak/checkpoints/node';
import { encodeSafetensors } from '@polyak/safetensors';
import type { HostTensor } from '@polyak/safetensors';

/** A folder that tests merge in. */
export async function temporaryFolder(): Promise<string> {
  return await mkdtemp(join(tmpdir(), 'polyak-fleet-'));
}

/** Writes checkpoints `model-0.safetensors` and so on, of two large tensors and some small ones. */
export function writeModels(folder: string, count: number, elements = 30_000): readonly string[] {
  return Array.from({ length: count }, (_, model) => {
    const tensors: Record<string, HostTensor> = {
      'embedding.weight': floats(elements, model),
      'norm.bias': floats(37, model + 10),
      'count.steps': { dtype: 'int32', shape: [3], data: Int32Array.of(7, 8, model) },
      'head.weight': floats(Math.floor(elements / 2) + 1, model + 20),
    };
    const name = `model-${model}.safetensors`;
    writeFileSync(join(folder, name), encodeSafetensors(tensors, { run: 'test' }));
    return name;
  });
}

function floats(count: number, phase: number): HostTensor {
  const data = Float32Array.from({ length: count }, (_, i) => Math.sin(i + 1.7 * phase));
  return { dtype: 'float32', shape: [count], data };
}

/** The names of all files under a folder, hidden ones too. */
export function filesIn(folder: string, prefix = ''): readonly string[] {
  const names = readdirSync(join(folder, prefix)).map((name) => join(prefix, name));
  return names
    .flatMap((name) =>
      statSync(join(folder, name)).isDirectory() ? filesIn(folder, name) : [name],
    )
    .toSorted();
}

/** The bytes of files. */
export async function bytesIn(
  folder: string,
  names: readonly string[],
): Promise<readonly Buffer[]> {
  return await Promise.all(names.map((name) => readFile(join(folder, name))));
}

/** Opens a checkpoint of a folder. */
export async function opened(folder: string, name: string): Promise<Checkpoint> {
  return await openCheckpoint(join(folder, name));
}
