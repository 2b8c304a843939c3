// What importing a part costs an application: bundled, tree-shaken, minified and gzipped, in bytes.
import { gzipSync } from 'node:zlib';
import * as rules from '@polyak/core/rules';
import * as schedules from '@polyak/schedules';
import * as cyclic from '@polyak/schedules/cyclic';
import { expect, it } from 'vitest';
import { bundleOf, bundled } from '../support/bundled.js';

// A part that has grown past its limit is made smaller, or its limit is raised on purpose.
const SWA_LIMIT = 21_200;
const FUNCTION_LIMIT = 600;
const LIMITS: Readonly<Record<string, number>> = {
  equal: 150,
  // A rule that checks its options as a whole, and a solver.
  powerWarmUp: 700,
  postHocWeights: 800,
  // Schedules of several phases, and a state machine.
  oneCycleLr: 700,
  oneCycleMomentum: 700,
  reduceLrOnPlateau: 700,
};

// A limit far above the size would not notice growth.
const SLACK = 300;

function gzipped(code: string): number {
  return gzipSync(code, { level: 9 }).length;
}

it('SWA with the CPU backend is within its limit, and its limit is close to its size', async () => {
  const code = await bundleOf(
    "export { SWA } from '@polyak/core';" +
      "export { cpuBackend, parameter } from '@polyak/backend-cpu';",
  );
  const size = gzipped(code);
  console.log(`SWA with the CPU backend: ${size} bytes gzipped, ${code.length} minified`);
  expect(size).toBeLessThanOrEqual(SWA_LIMIT);
  expect(size).toBeGreaterThan(SWA_LIMIT - SLACK);
});

const functions = [
  ...Object.keys(rules).map((name) => [name, '@polyak/core/rules'] as const),
  ...Object.keys(schedules).map((name) => [name, '@polyak/schedules'] as const),
  ...Object.keys(cyclic).map((name) => [name, '@polyak/schedules/cyclic'] as const),
];

it.each(functions)('%s of %s alone is within its limit', async (name, from) => {
  const code = await bundled(name, from);
  expect(code).toContain(`as ${name}`);
  expect(gzipped(code)).toBeLessThanOrEqual(LIMITS[name] ?? FUNCTION_LIMIT);
});

it('measures what is there: all schedules together take more', async () => {
  expect(gzipped(await bundled('*', '@polyak/schedules'))).toBeGreaterThan(2 * FUNCTION_LIMIT);
});
