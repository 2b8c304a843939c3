// The frame of a test file: its tests once for each mode.
import { gpujsBackend } from '@polyak/backend-gpujs';
import type { GpujsBackend } from '@polyak/backend-gpujs';
import type { GPU as Gpu } from 'gpu.js';
import { afterAll, beforeAll, describe } from 'vitest';
import type { NodeMode } from './modes.js';
import { GPU, isSkipped } from './modes.js';

/** What the tests of a mode compute with, from the first test on. */
export interface Bench {
  readonly gpu: Gpu;
  /** Of `gpu`. */
  readonly backend: GpujsBackend;
}

/**
 * Declares tests for each mode, and skips them where it does not run.
 *
 * @param modes - some or all
 * @param declare - declares the tests of one
 */
export function describeModes<Mode extends NodeMode>(
  modes: readonly Mode[],
  declare: (mode: Mode, bench: Bench) => void,
): void {
  describe.each(modes)('gpujs:%s', (mode) => {
    describe.skipIf(isSkipped(mode))('where it runs', () => {
      const bench: { gpu?: Gpu; backend?: GpujsBackend } = {};
      beforeAll(async () => {
        bench.gpu = new GPU({ mode });
        bench.backend = await gpujsBackend(bench.gpu);
      });
      afterAll(async () => {
        await bench.backend?.release();
        await bench.gpu?.destroy();
      });
      declare(mode, bench as Bench);
    });
  });
}
