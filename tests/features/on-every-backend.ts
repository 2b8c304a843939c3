// The backends that each feature is tested on: all of them, as far as they run in Node here. But not tfjs on TensorFlow, whose code is that of
// tfjs on cpu: TensorFlow's libraries and Mesa's, which gpu.js needs, crash in one process.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import type { Awaitable } from '@polyak/core';
import type { BackendHarness, ConformanceTest } from '@polyak/core/conformance';
import { describe, expect, it } from 'vitest';
import { gpujsHarness } from '../support/gpujs/harness.js';
import { isSkipped, MODES } from '../support/gpujs/modes.js';
import { onnxHarness } from '../support/onnx/harness.js';
import { tfjsHarness } from '../support/tfjs/harness.js';

/** The tests of a feature, each with a harness of its own. */
export type Suite = <T>(create: () => Awaitable<BackendHarness<T>>) => readonly ConformanceTest[];

interface NamedBackend {
  readonly name: string;
  readonly isSkipped?: boolean;
  /** The suite on this backend, whose tensors are its own affair. */
  readonly give: (suite: Suite) => readonly ConformanceTest[];
}

const BACKENDS: readonly NamedBackend[] = [
  ...(['wasm', 'js'] as const).map((kernel) => ({
    name: `cpu:${kernel}`,
    give: (suite: Suite) =>
      suite(() => {
        const backend = cpuBackend({ kernel });
        return {
          backend,
          parameter: (name, tensor) => parameter(name, { ...tensor, data: tensor.data.slice() }),
          liveTensors: () => backend.memory().tensors,
        };
      }),
  })),
  ...(['cpu', 'wasm'] as const).map((runtime) => ({
    name: `tfjs:${runtime}`,
    give: (suite: Suite) => suite(async () => tfjsHarness(runtime)),
  })),
  { name: 'onnx:cpu', give: (suite) => suite(onnxHarness) },
  ...MODES.map((mode) => ({
    name: `gpujs:${mode}`,
    isSkipped: isSkipped(mode),
    give: (suite: Suite) => suite(async () => gpujsHarness(mode)),
  })),
];

/** Declares the tests of `suite` for every backend. */
export function onEveryBackend(suite: Suite): void {
  describe.each(BACKENDS)('on $name', ({ isSkipped: skip = false, give }) => {
    it.skipIf(skip).each(give(suite))('$name', async ({ run }) => {
      await expect(run()).resolves.toBeUndefined();
    });
  });
}
