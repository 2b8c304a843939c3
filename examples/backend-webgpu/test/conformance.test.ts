// The published suite. It counts buffers, so that a temporary one that is left behind is found too.
import { backendConformance } from '@polyak/core/conformance';
import { webgpuBackend, webgpuParameter } from '@polyak/example-backend-webgpu';
import {
  ASYNCHRONOUS,
  declareConformance,
  NO_HALF,
  NO_RESIDUALS,
  NO_VIEWS,
  ON_SOFTWARE,
} from '../../../tests/support/conformance.js';
import { describeWebgpu, modelTensor } from './device.js';

describeWebgpu((bench) => {
  const tests = backendConformance(async () => {
    const { device, buffers } = bench;
    return {
      backend: await webgpuBackend(device),
      parameter: (name, tensor) => webgpuParameter(device, name, modelTensor(device, tensor)),
      sameParameter: ({ name, get }) => webgpuParameter(device, name, get()),
      liveTensors: () => buffers.size,
    };
  }, ON_SOFTWARE);
  declareConformance(tests, [ASYNCHRONOUS, NO_HALF, NO_RESIDUALS, NO_VIEWS]);
});
