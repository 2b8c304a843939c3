// The backends that each feature is tested on: all that run in Node here. Left out is tfjs on
// TensorFlow, whose code is that of tfjs on cpu: the libraries of TensorFlow and of Mesa, which
// gpu.js needs, crash in one process.
import type { BackendHarness } from '@polyak/core/conformance';
import type { Awaitable } from '@polyak/core/interfaces';
import { describe, it } from 'vitest';
import { cpuHarness } from '../support/cpu-harness.js';
import { gpujsHarness } from '../support/gpujs/harness.js';
import { isSkipped, MODES } from '../support/gpujs/modes.js';
import { onnxHarness } from '../support/onnx/harness.js';
import { tfjsHarness } from '../support/tfjs/harness.js';

/** What a feature must do on a backend; each check has a harness of its own. */
export type Checks = Readonly<Record<string, <T>(harness: BackendHarness<T>) => Promise<void>>>;

type Suite = <T>(create: () => Awaitable<BackendHarness<T>>) => readonly FeatureTest[];

interface FeatureTest {
  readonly name: string;
  readonly run: () => Promise<void>;
}

interface NamedBackend {
  readonly name: string;
  readonly isSkipped?: boolean;
  /** The suite on this backend, whose tensors are its own affair. */
  readonly give: (suite: Suite) => readonly FeatureTest[];
}

const BACKENDS: readonly NamedBackend[] = [
  ...(['wasm', 'js'] as const).map((kernel) => ({
    name: `cpu:${kernel}`,
    give: (suite: Suite) => suite(() => cpuHarness(kernel)),
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

/** Declares a test of each check for every backend. */
export function onEveryBackend(checks: Checks): void {
  const suite: Suite = (create) =>
    Object.entries(checks).map(([name, check]) => ({
      name,
      async run() {
        const harness = await create();
        try {
          await check(harness);
        } finally {
          await harness.close?.();
        }
      },
    }));
  describe.each(BACKENDS)('on $name', ({ isSkipped: skip = false, give }) => {
    it.skipIf(skip).each(give(suite))('$name', async ({ run }) => run());
  });
}
