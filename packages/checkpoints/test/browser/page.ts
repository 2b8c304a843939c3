// Runs in the page: merges files of its private file system.
import {
  fileHandleSink,
  fromSources,
  mean,
  openCheckpoint,
  planMerge,
  runMerge,
} from '@polyak/checkpoints';
import { blobSource, encodeSafetensors } from '@polyak/safetensors';

/** Writes files with one value each, merges them and reads the result back. */
export async function mergeInPage(values: readonly number[], count: number): Promise<number[]> {
  const folder = await navigator.storage.getDirectory();
  const checkpoints = [];
  for (const [i, value] of values.entries()) {
    const name = `model-${i}.safetensors`;
    const handle = await folder.getFileHandle(name, { create: true });
    const data = new Float32Array(count).fill(value);
    data[count - 1] = -value;
    const file = await handle.createWritable();
    const w = { dtype: 'float32', shape: [count], data } as const;
    await file.write(encodeSafetensors({ w }) as Uint8Array<ArrayBuffer>);
    await file.close();
    const sources = new Map([[name, blobSource(await handle.getFile())]]);
    checkpoints.push(await openCheckpoint(name, fromSources(sources)));
  }
  const plan = await planMerge(checkpoints, 'mean.safetensors', { method: mean(values.length) });
  const output = await folder.getFileHandle('mean.safetensors', { create: true });
  await runMerge(plan, await fileHandleSink(new Map([['mean.safetensors', output]])));
  const sources = new Map([['mean.safetensors', blobSource(await output.getFile())]]);
  const merged = await openCheckpoint('mean.safetensors', fromSources(sources));
  const place = merged.tensors.get('w');
  const bytes = await merged.files[0]?.source.read(place?.begin ?? 0, place?.byteLength ?? 0);
  const found = new Float32Array(bytes?.slice().buffer ?? new ArrayBuffer());
  const [first = Number.NaN] = found;
  const equal = found.subarray(0, -1).every((value) => value === first);
  return [found.length, equal ? first : Number.NaN, found.at(-1) ?? Number.NaN];
}
