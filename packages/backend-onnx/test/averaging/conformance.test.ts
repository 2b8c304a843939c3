// The published suite on the cpu provider; webgpu.test.ts runs it on webgpu.
import { backendConformance } from '@polyak/core/conformance';
import { describe, it } from 'vitest';
import { onnxHarness } from '../../../../tests/support/onnx/harness.js';

describe('onnx:cpu', () => {
  it.for(backendConformance(onnxHarness))('$name', async ({ run }, { skip }) => {
    const outcome = await run();
    if (outcome.kind === 'skipped') skip(outcome.reason);
  });
});
