// The methods against their formulas in numpy, by a script that shares nothing with them.
// POLYAK_PYTHON names a Python with numpy; POLYAK_REQUIRE_PYTHON=1 makes its absence a failure.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dare, modelStock, slerp, taskArithmetic, ties } from '@polyak/checkpoints/methods';
import type { MergeMethod } from '@polyak/checkpoints/methods';
import { describe, expect, it } from 'vitest';
import { drive, tuned } from './drive.js';
import type { Tensors } from './drive.js';

const script = fileURLToPath(new URL('../python/check_methods.py', import.meta.url));
const python = process.env['POLYAK_PYTHON'];
const missing = whyMissing();

function whyMissing(): string | undefined {
  if (python === undefined || python === '') return 'POLYAK_PYTHON names no Python with numpy';
  const { error, status, stderr } = spawnSync(python, ['-c', 'import numpy'], { encoding: 'utf8' });
  if (status === 0) return undefined;
  return `POLYAK_PYTHON=${python}: ${error?.message ?? stderr.trim().split('\n').at(-1)}`;
}

interface Case {
  readonly method: MergeMethod;
  readonly tensors: Tensors;
}

const METHODS: readonly MergeMethod[] = [
  taskArithmetic(),
  taskArithmetic({ lambda: 0.4, weights: [1, -0.5, 2] }),
  ties({ density: 0.2 }),
  ties({ density: 0.37, lambda: 0.7, weights: [1, -0.5, 2] }),
  ties({ density: 0.5, elect: 'count' }),
  ties({ density: 1 }),
  ties({ density: 1e-9 }),
  dare({ density: 0.3 }),
  dare({ density: 0.3, seed: 2 ** 53 - 1, lambda: 0.7, weights: [1, -0.5, 2] }),
  dare({ density: 0.6, seed: 7, elect: 'sum' }),
  dare({ density: 0.6, seed: 7, elect: 'count', weights: [1, -0.5, 2] }),
  dare({ density: 1 }),
  dare({ density: 1e-12 }),
  modelStock(),
];
const NAMES = ['w', 'model.layers.0.mlp.down_proj.weight', 'größe \u{1f600}'];
const SIZES = [1, 2, 5, 4097, 150_001, 300_000];

function casesOf(): readonly Case[] {
  const cases: Case[] = [];
  for (const [index, elements] of SIZES.entries()) {
    const tensors = tuned(NAMES[index % NAMES.length] ?? '', elements, 3);
    for (const method of METHODS) cases.push({ method, tensors });
    const { name, models, base } = tuned('two', elements, 2);
    const opposite = models.map((model, i) => (i === 0 ? model : base.map((value) => -value)));
    for (const t of [0, 0.3, 1]) {
      cases.push({ method: slerp(t), tensors: { name, models } });
      cases.push({ method: slerp(t), tensors: { name, models: opposite } });
    }
    // Angles that are not small.
    const far = models.map((model, i) => model.map((value, n) => value - i * (base[n] ?? 0) * 1.4));
    cases.push({ method: slerp(0.7), tensors: { name, models: far } });
    cases.push({ method: modelStock(), tensors: { name, models, base } });
  }
  return cases;
}

function write(folder: string, cases: readonly Case[]): void {
  const described = cases.map(({ method, tensors: { name, models, base } }) => ({
    method: method.name,
    options: method.options,
    name,
    models: models.length,
    elements: models[0]?.length,
    hasBase: base !== undefined,
  }));
  writeFileSync(join(folder, 'cases.json'), JSON.stringify(described));
  const inputs = cases.flatMap(({ tensors: { models, base } }) =>
    base === undefined ? models : [...models, base],
  );
  writeFileSync(
    join(folder, 'inputs.bin'),
    Buffer.concat(inputs.map(({ buffer }) => Buffer.from(buffer))),
  );
}

/** The largest difference, by the largest number. */
function errorOf(merged: Float64Array, expected: Float64Array): number {
  let [difference, size] = [0, 0];
  for (const [i, value] of merged.entries()) {
    difference = Math.max(difference, Math.abs(value - (expected[i] ?? Number.NaN)));
    size = Math.max(size, Math.abs(value));
  }
  return difference / size;
}

const isRequired = process.env['POLYAK_REQUIRE_PYTHON'] === '1';
if (missing !== undefined) console.warn(`Skipped: methods of merging against numpy: ${missing}`);

it.runIf(isRequired || missing === undefined)('has a Python to compare with', () => {
  expect(missing).toBeUndefined();
});

describe.skipIf(missing !== undefined)('methods of merging', () => {
  it('are their formulas in numpy, to 1e-12', () => {
    const folder = mkdtempSync(join(tmpdir(), 'polyak-methods-'));
    try {
      const cases = casesOf();
      write(folder, cases);
      const { status, stdout, stderr } = spawnSync(python ?? '', [script, folder], {
        encoding: 'utf8',
      });
      expect(stderr).toBe('');
      expect(status).toBe(0);
      console.log(stdout.trim());
      const bytes = readFileSync(join(folder, 'expected.bin'));
      const errors: [string, number][] = [];
      let at = bytes.byteOffset;
      for (const { method, tensors } of cases) {
        const { merged } = drive(method, tensors);
        const expected = new Float64Array(bytes.buffer, at, merged.length);
        at += merged.byteLength;
        const what = `${method.name} ${JSON.stringify(method.options)} of ${merged.length}`;
        errors.push([what, errorOf(merged, expected)]);
      }
      expect(errors.filter(([, error]) => !(error < 1e-12))).toEqual([]);
      expect(at).toBe(bytes.byteOffset + bytes.byteLength);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
