// The published suite on the cpu provider; webgpu.test.ts runs it on webgpu.
import { backendConformance } from '@polyak/core/conformance';
import { describe } from 'vitest';
import { declareConformance } from '../../../../tests/support/conformance.js';
import { onnxHarness } from '../../../../tests/support/onnx/harness.js';

describe('onnx:cpu', () => {
  declareConformance(backendConformance(onnxHarness));
});
