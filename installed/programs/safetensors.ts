// The file format, in memory and by ranges of a file.
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import {
  decodeSafetensors,
  encodeSafetensors,
  openSafetensors,
  PolyakError,
} from '@polyak/safetensors';
import { openFile } from '@polyak/safetensors/node';

const weight = { dtype: 'float32', shape: [3], data: Float32Array.of(1, 2, 3) } as const;
const bytes = encodeSafetensors({ weight }, { format: 'pt' });
const { tensors, metadata } = decodeSafetensors(bytes);
assert.deepEqual(tensors['weight'], weight);
assert.equal(metadata['format'], 'pt');
assert.throws(() => decodeSafetensors(bytes.subarray(0, 20)), PolyakError.is);

const path = `${process.pid}.safetensors`;
await writeFile(path, bytes);
const file = await openFile(path);
const { read } = await openSafetensors(file);
assert.deepEqual([...(await read('weight', { begin: 1, end: 3 })).data], [2, 3]);
await file.close();
await rm(path);
