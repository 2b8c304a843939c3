// The published suite in each mode, with live weights in arrays and, where there is a GPU, in
// textures of both layouts.
import { gpujsBackend, gpujsParameter } from '@polyak/backend-gpujs';
import type { GpujsTensor } from '@polyak/backend-gpujs';
import type { ConformanceOptions, ConformanceTest } from '@polyak/core/conformance';
import { backendConformance } from '@polyak/core/conformance';
import type { HostTensor, Parameter } from '@polyak/core/interfaces';
import { describe } from 'vitest';
import {
  ASYNCHRONOUS,
  declareConformance,
  NO_HALF,
  NO_INTEGERS,
  NO_RESIDUALS,
  NO_VIEWS,
  ON_SOFTWARE,
  sideBySide,
} from '../../../../tests/support/conformance.js';
import type { Bench } from '../../../../tests/support/gpujs/describe-modes.js';
import { describeModes } from '../../../../tests/support/gpujs/describe-modes.js';
import { MODES, TEXTURE_MODES } from '../../../../tests/support/gpujs/modes.js';
import { sameParameter } from '../same-parameter.js';
import { textureOf } from '../textures.js';

/**
 * The suite, with live weights in textures, or in arrays where `isDense` does not say how these are
 * laid out.
 */
function suite(
  bench: Bench,
  isDense?: boolean,
  options: ConformanceOptions = {},
): readonly ConformanceTest[] {
  return backendConformance(async () => {
    const backend = await gpujsBackend(bench.gpu);
    return {
      backend,
      parameter: async (name, { data, shape }) => {
        const array = data.slice() as Float32Array;
        // gpu.js has no empty textures.
        if (isDense === undefined || data.length === 0) return gpujsParameter(name, array, shape);
        const texture = await textureOf(bench.gpu, array, shape, isDense);
        const parameter = gpujsParameter(name, texture, shape);
        texture.delete();
        return parameter;
      },
      sameParameter,
      ...(isDense === undefined && { views: arraysOf }),
      liveTensors: () => backend.memory().tensors,
      close: async () => backend.release(),
    };
  }, options);
}

/** Places over arrays that lie in one memory. */
function arraysOf(tensors: readonly HostTensor[]): readonly Parameter<GpujsTensor>[] {
  return sideBySide(tensors).map(({ data, shape }, n) =>
    gpujsParameter(`p${n}`, data as Float32Array, shape),
  );
}

/** Not compensated where the device does not round each operation. */
const LACKS = [NO_HALF, NO_INTEGERS, ASYNCHRONOUS, NO_RESIDUALS, NO_VIEWS];

describeModes(MODES, (mode, bench) => {
  describe('live weights in arrays', () => {
    const isOnHost = mode === 'cpu' || mode === 'webasm';
    declareConformance(suite(bench, undefined, isOnHost ? {} : ON_SOFTWARE), LACKS);
  });
});

describeModes(TEXTURE_MODES, (_, bench) => {
  describe.each([false, true])(
    'live weights in textures (four elements a texel: %s)',
    (isDense) => {
      declareConformance(suite(bench, isDense, ON_SOFTWARE), LACKS);
    },
  );
});
