// The published suite in each mode, with live weights in arrays and, where there is a GPU, in textures of every layout.
import { gpujsBackend, gpujsParameter } from '@polyak/backend-gpujs';
import { backendConformance } from '@polyak/core/conformance';
import type { GPU as Gpu } from 'gpu.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GPU, HAS_TEXTURES, isSkipped, MODES } from './modes.js';
import { textureOf } from './textures.js';

describe.each(MODES)('gpujs:%s', (mode) => {
  describe.skipIf(isSkipped(mode))('runs here', () => {
    let gpu: Gpu;
    beforeAll(() => {
      gpu = new GPU({ mode });
    });
    afterAll(async () => gpu.destroy());

    const layouts = HAS_TEXTURES.has(mode) ? ['arrays', 'textures', 'dense textures'] : ['arrays'];
    describe.each(layouts)('live weights in %s', (layout) => {
      const tests = backendConformance(async () => {
        const backend = await gpujsBackend(gpu);
        return {
          backend,
          parameter: async (name, { data, shape }) =>
            gpujsParameter(
              name,
              layout === 'arrays' || data.length === 0
                ? (data.slice() as Float32Array)
                : await textureOf(gpu, data as Float32Array, shape, layout === 'dense textures'),
              shape,
            ),
          liveTensors: () => backend.memory().tensors,
          close: async () => backend.release(),
        };
      });
      it.each(tests)('$name', async ({ run }) => {
        await expect(run()).resolves.toBeUndefined();
      });
    });
  });
});
