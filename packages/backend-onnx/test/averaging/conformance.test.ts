// The published suite on the cpu provider; webgpu.test.ts runs it on webgpu.
import { backendConformance } from '@polyak/core/conformance';
import { describe, it } from 'vitest';
import { harnessOn } from './harness.js';

describe('onnx:cpu', () => {
  it.for(backendConformance(harnessOn('cpu')))('$name', async ({ run }, { skip }) => {
    const outcome = await run();
    if (outcome.kind === 'skipped') skip(outcome.reason);
  });
});
