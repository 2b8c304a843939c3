// Long runs on every backend: 1,000,000 updates on the CPU backend and 100,000 on each other for
// `node tools/long.js`; a few thousand among the tests.
import type { BackendHarness } from '@polyak/core/conformance';
import { afterAll, expect, vi } from 'vitest';
import { onEveryBackend } from '../features/on-every-backend.js';
import { longRun, problemsOf } from './long-run.js';
import type { LongRun } from './long-run.js';

const isLong = process.env['POLYAK_LONG'] === '1';
const runs: LongRun[] = [];

vi.setConfig({ testTimeout: isLong ? 7_200_000 : 120_000 });

async function expectFlat<T>(harness: BackendHarness<T>): Promise<void> {
  const updates = harness.backend.name.startsWith('cpu:') ? 1_000_000 : 100_000;
  const run = await longRun(harness, isLong ? updates : updates / 200, console.info);
  runs.push(run);
  const problems = problemsOf(run);
  // What the compiler does at first is most of the time of a short run.
  const isChecked = (problem: string): boolean => isLong || !problem.startsWith('µs');
  expect(problems.filter(isChecked)).toEqual([]);
}

onEveryBackend({ 'stays as fast, as small and as accurate as it was': expectFlat });

afterAll(() => {
  if (!isLong) return;
  const rows = runs.map(({ backend, updates, memory, tensors, times, errors }) => ({
    backend,
    updates,
    'MB at 10 %': memory[0].toFixed(1),
    'MB at the end': memory[1].toFixed(1),
    'tensors, the same': tensors.join(', '),
    'µs, first tenth': times[0].toFixed(1),
    'µs, last tenth': times[1].toFixed(1),
    'error / bound': Object.entries(errors)
      .map(([name, error]) => `${name} ${error.toFixed(2)}`)
      .join(', '),
  }));
  console.table(rows);
});
