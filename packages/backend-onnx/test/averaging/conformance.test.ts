// The published suite on the cpu provider; webgpu.test.ts runs it on webgpu.
import { backendConformance } from '@polyak/core/conformance';
import { describe } from 'vitest';
import { declareConformance, ONE_PARAMETER } from '../../../../tests/support/conformance.js';
import { harnessOn } from './harness.js';

describe('onnx:cpu', () => {
  declareConformance(backendConformance(harnessOn('cpu')), [ONE_PARAMETER]);
});
