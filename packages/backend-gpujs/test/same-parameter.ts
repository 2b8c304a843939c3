// A second parameter of a place, for the conformance suite.
import { gpujsParameter } from '@polyak/backend-gpujs';
import type { GpujsTensor } from '@polyak/backend-gpujs';
import type { Parameter } from '@polyak/core/interfaces';

/** Another parameter of an array; a texture has one parameter only. */
export function sameParameter(parameter: Parameter<GpujsTensor>): Parameter<GpujsTensor> {
  const { data, shape } = parameter.get();
  return data instanceof Float32Array ? gpujsParameter(parameter.name, data, shape) : parameter;
}
