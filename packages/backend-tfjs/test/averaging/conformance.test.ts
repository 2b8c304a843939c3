// The published suite, on each tfjs backend that runs here.
import { backendConformance } from '@polyak/core/conformance';
import { describe, expect, it } from 'vitest';
import { tfjsHarness } from '../../../../tests/support/tfjs/harness.js';
import { RUNTIMES } from '../../../../tests/support/tfjs/runtimes.js';

describe.each(RUNTIMES)('tfjs:%s', (runtime) => {
  it.each(backendConformance(async () => tfjsHarness(runtime)))('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});
