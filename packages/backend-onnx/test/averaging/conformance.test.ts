// The published suite on the cpu provider; webgpu.test.ts runs it on webgpu.
import { backendConformance } from '@polyak/core/conformance';
import { describe, expect, it } from 'vitest';
import { onnxHarness } from '../../../../tests/support/onnx/harness.js';

describe('onnx:cpu', () => {
  it.each(backendConformance(onnxHarness))('$name', async ({ run }) => {
    expect(await run()).toMatchObject({ kind: 'passed' });
  });
});
