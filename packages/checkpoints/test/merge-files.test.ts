// Whole merges of files against their formulas in numpy, by a script that shares nothing with them.
// POLYAK_PYTHON names a Python with numpy and safetensors; POLYAK_REQUIRE_PYTHON=1 makes its
// absence a failure.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LinearMerge, OutputDType } from '@polyak/checkpoints';
import type { MergeMethod } from '@polyak/checkpoints/methods';
import { mean, weighted } from '@polyak/checkpoints';
import { methodOf } from '@polyak/checkpoints/methods';
import { mergeFiles } from '@polyak/checkpoints/node';
import type { HostTensor } from '@polyak/core/interfaces';
import { decayWeights } from '@polyak/core/rules';
import { encodeSafetensors } from '@polyak/safetensors';
import { describe, expect, it } from 'vitest';
import { floats, halfVector, vector } from './engine/values.js';

const script = fileURLToPath(new URL('python/check_files.py', import.meta.url));
const python = process.env['POLYAK_PYTHON'];
const missing = whyMissing();

function whyMissing(): string | undefined {
  if (python === undefined || python === '') return 'POLYAK_PYTHON names no Python';
  const imports = 'import numpy, safetensors';
  const { error, status, stderr } = spawnSync(python, ['-c', imports], { encoding: 'utf8' });
  if (status === 0) return undefined;
  return `POLYAK_PYTHON=${python}: ${error?.message ?? stderr.trim().split('\n').at(-1)}`;
}

const COUNTS = { 'a.weight': 150_001, 'b.bias': 3, 'c.weight': 70_000 };

/** Models that lie near a base, as fine-tuned ones do. */
function tensorsOf(dtype: 'float32' | 'float16' | 'bfloat16', model: number): HostTensor[] {
  return Object.values(COUNTS).map((count, i) => {
    const base = floats(i, count);
    const delta = floats(100 * model + i, count);
    const values = model === 0 ? base : base.map((value, k) => value + 0.1 * (delta[k] ?? 0));
    return dtype === 'float32' ? vector(values) : halfVector(dtype, values);
  });
}

interface Merge {
  readonly method: LinearMerge | MergeMethod;
  readonly dtype?: OutputDType;
  readonly of: 'float32' | 'float16' | 'bfloat16';
}

const MERGES: readonly Merge[] = [
  { method: mean(3), of: 'float32' },
  { method: mean(3), of: 'float16' },
  { method: mean(3), of: 'bfloat16' },
  { method: mean(3), of: 'bfloat16', dtype: 'float32' },
  { method: mean(3), of: 'float32', dtype: 'float64' },
  { method: mean(3), of: 'float32', dtype: 'float16' },
  { method: weighted([3, -1.5, 0.25]), of: 'float32' },
  { method: weighted(decayWeights('minus-sqrt', 3)), of: 'bfloat16' },
  { method: methodOf('slerp', { t: 0.3 }), of: 'float32' },
  { method: methodOf('task-arithmetic', { lambda: 0.4 }), of: 'float32' },
  { method: methodOf('ties', { density: 0.2 }), of: 'float32' },
  { method: methodOf('ties', { density: 0.5, elect: 'count' }), of: 'bfloat16' },
  { method: methodOf('dare', { density: 0.3, seed: 5 }), of: 'float32' },
  { method: methodOf('dare', { density: 0.3, seed: 5, elect: 'sum' }), of: 'float32' },
  { method: methodOf('model-stock'), of: 'float32' },
];

const isRequired = process.env['POLYAK_REQUIRE_PYTHON'] === '1';
if (missing !== undefined) console.warn(`Skipped: merges of files against numpy: ${missing}`);

it.runIf(isRequired || missing === undefined)('has a Python to compare with', () => {
  expect(missing).toBeUndefined();
});

describe.skipIf(missing !== undefined)('mergeFiles', () => {
  it('writes what each formula gives in float64, rounded once', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'polyak-merge-'));
    try {
      for (const dtype of ['float32', 'float16', 'bfloat16'] as const) {
        for (const model of [0, 1, 2, 3]) {
          const tensors = tensorsOf(dtype, model);
          const named = Object.keys(COUNTS).map((name, i) => [name, tensors[i]] as const);
          const bytes = encodeSafetensors(Object.fromEntries(named) as Record<string, HostTensor>);
          writeFileSync(join(folder, `${dtype}-${model}.safetensors`), bytes);
        }
      }
      const described: object[] = [];
      for (const [i, { method, of, dtype }] of MERGES.entries()) {
        const names = [0, 1, 2, 3].map((model) => `${of}-${model}.safetensors`);
        const [base = '', ...models] = names;
        const inputs = method.name === 'slerp' ? models.slice(0, 2) : models;
        const needsBase = method.kind === 'blocks' && method.needsBase;
        const output = `merged-${i}.safetensors`;
        const paths = inputs.map((name) => join(folder, name));
        await mergeFiles(paths, join(folder, output), {
          method,
          ...(needsBase && { base: join(folder, base) }),
          ...(dtype !== undefined && { dtype }),
        });
        described.push({
          output,
          inputs,
          ...(needsBase && { base }),
          ...(method.kind === 'linear'
            ? { weights: method.weights }
            : { method: method.name, options: method.options }),
        });
      }
      writeFileSync(join(folder, 'merges.json'), JSON.stringify(described));
      const { status, stdout, stderr } = spawnSync(python ?? '', [script, folder], {
        encoding: 'utf8',
      });
      expect(stderr).toBe('');
      expect(status).toBe(0);
      const errors = stdout.trim().split('\n').map(Number);
      expect(errors).toHaveLength(MERGES.length);
      const lines = MERGES.map(({ method, of }, i) => `${method.name} of ${of}: ${errors[i]}`);
      console.log(`Errors in ulp:\n${lines.join('\n')}`);
      // Half a unit is one rounding; the formulas in float64 differ by far less.
      for (const error of errors) expect(error).toBeLessThan(0.5 + 1e-6);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
