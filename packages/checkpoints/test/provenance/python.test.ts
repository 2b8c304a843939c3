// The checksums of a record against their definition in numpy.
// POLYAK_PYTHON names a Python with numpy; POLYAK_REQUIRE_PYTHON=1 makes its absence a failure.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mean } from '@polyak/checkpoints';
import { mergeRecordOf } from '@polyak/checkpoints/inspect';
import { mergeFiles, openCheckpoint } from '@polyak/checkpoints/node';
import { encodeSafetensors } from '@polyak/safetensors';
import { expect, it } from 'vitest';

const script = fileURLToPath(new URL('../python/check_checksum.py', import.meta.url));
const python = process.env['POLYAK_PYTHON'];
const missing = whyMissing();

function whyMissing(): string | undefined {
  if (python === undefined || python === '') return 'POLYAK_PYTHON names no Python with numpy';
  const { error, status, stderr } = spawnSync(python, ['-c', 'import numpy'], { encoding: 'utf8' });
  if (status === 0) return undefined;
  return `POLYAK_PYTHON=${python}: ${error?.message ?? stderr.trim().split('\n').at(-1)}`;
}

const isRequired = process.env['POLYAK_REQUIRE_PYTHON'] === '1';
if (missing !== undefined) console.warn(`Skipped: checksums of records in numpy: ${missing}`);

it.runIf(isRequired || missing === undefined)('has a Python to compare with', () => {
  expect(missing).toBeUndefined();
});

it.skipIf(missing !== undefined)('records the checksums that numpy finds', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'polyak-checksum-'));
  try {
    const inputs = [1, 2].map((seed) => join(folder, `${seed}.safetensors`));
    for (const [seed, path] of inputs.entries()) {
      const data = Float32Array.from({ length: 30_001 }, (_, i) => Math.sin(seed + 3 * i));
      const steps = Int8Array.of(1, -2, 3);
      const bytes = encodeSafetensors({
        a: { dtype: 'float32', shape: [30_001], data },
        b: { dtype: 'int8', shape: [3], data: steps },
        c: { dtype: 'float32', shape: [10_000], data: data.slice(20_001) },
      });
      writeFileSync(path, bytes);
    }
    const output = join(folder, 'out.safetensors');
    await mergeFiles(inputs, output, { method: mean(2), names: { exclude: ['c'] } });
    const checksums: string[] = [];
    for (const [index, path] of [...inputs, output].entries()) {
      const checkpoint = await openCheckpoint(path);
      await checkpoint.close();
      // What was not selected is read from the last input only.
      const read = [...checkpoint.tensors].filter(([name]) => index > 0 || name !== 'c');
      let filled = 0;
      const ranges = read
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([, { begin, byteLength }]) => {
          // Those of the output are summed one after the other by their names.
          const position = path === output ? filled : begin;
          filled += byteLength;
          return `${begin}:${begin + byteLength}:${position}`;
        });
      const { stdout } = spawnSync(python ?? '', [script, path, ...ranges], { encoding: 'utf8' });
      checksums.push(stdout.trim());
      if (path !== output) continue;
      const record = mergeRecordOf(checkpoint);
      const recorded = record?.inputs.flatMap((input) => input.checksums) ?? [];
      expect([...recorded, record?.output]).toEqual(checksums);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
