import { sumKernels } from '@polyak/backend-cpu/sums';
import { mean } from '@polyak/checkpoints';
import { describe, expect, it } from 'vitest';
import { checkpointsOf, merged } from './merged.js';
import { floats, vector } from './values.js';

/** The checksum of a whole file. */
function checksumOf(bytes: Uint8Array): string {
  const kernels = sumKernels(16 + bytes.length);
  kernels.bytes.set(bytes, 16);
  return kernels
    .checksum(16, bytes.length, 0)
    .map((n) => (n >>> 0).toString(16).padStart(8, '0'))
    .join('');
}

describe('the checksums of a merge', () => {
  it('are those of the files, also of tensors that are summed in parts', async () => {
    const members = [1, 2].map((i) => ({
      b: vector(floats(i, 20_001)),
      c: { dtype: 'int32', shape: [3], data: Int32Array.of(i, 2, 3) } as const,
      a: vector(floats(i + 5, 3)),
    }));
    const checkpoints = checkpointsOf(members);
    const { bytes, report } = await merged(checkpoints, { method: mean(2) });
    // The output is summed in the order of the names.
    const first = bytes.slice(-12);
    expect(report.output).toBe(checksumOf(Uint8Array.of(...first, ...bytes.slice(0, -12))));
    for (const [i, { files }] of checkpoints.entries()) {
      const [file] = files;
      const whole = await file?.source.read(0, file.source.size);
      expect(report.inputs[i]).toEqual([checksumOf(whole ?? new Uint8Array())]);
    }
  });
});
