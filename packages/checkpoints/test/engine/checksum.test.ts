import { mean } from '@polyak/checkpoints';
import { describe, expect, it } from 'vitest';
import { checkpointsOf, merged } from './merged.js';
import { floats, vector } from './values.js';

/** The sum of the 32-bit words, and that of the words times their index. */
function checksumOf(bytes: Uint8Array): string {
  const words = new Uint32Array(bytes.slice().buffer);
  let [sum, weighed] = [0n, 0n];
  for (const [index, word] of words.entries()) {
    sum += BigInt(word);
    weighed += BigInt(index) * BigInt(word);
  }
  return [sum, weighed].map((n) => BigInt.asUintN(32, n).toString(16).padStart(8, '0')).join('');
}

describe('the checksums of a merge', () => {
  it('are those of the files, also of tensors that are summed in parts', async () => {
    const members = [1, 2].map((i) => ({
      a: vector(floats(i, 20_001)),
      n: { dtype: 'int32', shape: [3], data: Int32Array.of(i, 2, 3) } as const,
    }));
    const checkpoints = checkpointsOf(members);
    const { bytes, report } = await merged(checkpoints, { method: mean(2) });
    expect(report.output).toEqual([checksumOf(bytes)]);
    for (const [i, { files }] of checkpoints.entries()) {
      const [file] = files;
      const whole = await file?.source.read(0, file.source.size);
      expect(report.inputs[i]).toEqual([checksumOf(whole ?? new Uint8Array())]);
    }
  });
});
