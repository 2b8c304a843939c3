// What a model with a graph asks of an output: the graph reads its tensors by name, and was made
// for their shapes.
import { PolyakError } from '@polyak/core';
import type { LayoutRequest, OutputTensor, TensorPlace } from '../checkpoint.js';

/**
 * Requires that an output has the tensors of the model that it is laid out by.
 *
 * @param model - what it is, such as `model.onnx, an ONNX model`
 * @param tensors - of the model
 * @param request - of an output
 * @param mayBecome - whether a tensor may have another dtype
 * @throws PolyakError `ERR_MISMATCH` with all differences
 */
export function requireSameTensors(
  model: string,
  tensors: ReadonlyMap<string, TensorPlace>,
  request: LayoutRequest,
  mayBecome: (place: TensorPlace, tensor: OutputTensor) => boolean = () => false,
): void {
  const differences: string[] = [];
  for (const [name, tensor] of request.tensors) {
    const place = tensors.get(tensor.replaces);
    if (place === undefined) {
      differences.push(`"${tensor.replaces}" is not in it`);
      continue;
    }
    if (tensor.replaces !== name) differences.push(`"${tensor.replaces}" becomes "${name}"`);
    const [dtype, shape] = [tensor.dtype, tensor.shape.join(',')];
    const hasShape = place.shape.join(',') === shape;
    if (hasShape && (place.dtype === dtype || mayBecome(place, tensor))) continue;
    const found = `${place.dtype}[${place.shape.join(',')}]`;
    differences.push(`"${name}" becomes ${dtype}[${shape}], it is ${found}`);
  }
  if (differences.length === 0) return;
  const lines = differences.map((text) => `\n- ${text}`).join('');
  throw new PolyakError(
    'ERR_MISMATCH',
    `${model}, reads its tensors by name, dtype and shape. Leave them as they are, or convert ` +
      `the model itself first. Found:${lines}`,
  );
}
