// ONNX models as checkpoints: the initializers of the main graph, whatever the operators are. No
// session is opened, and no weights are held in memory.
import { textOf } from '@polyak/backend-onnx/file';
import { PolyakError } from '@polyak/core';
import type { Checkpoint, CheckpointFile, TensorPlace } from '../../checkpoint.js';
import type { OpenFile } from '../open-file.js';
import { checkpointError, READ_FORMATS } from '../refused.js';
import { dtypeOf, STRING } from './element-size.js';
import { layoutModel } from './layout.js';
import type { ScannedModel } from './scan.js';
import { scanModel } from './scan.js';
import { findData } from './tensor-data.js';

/**
 * Opens an ONNX model. Its tensors are the dense initializers of the main graph. Those of strings,
 * constants in nodes, and what branches and functions hold are not among them; an output has those
 * of the model that it is laid out by.
 *
 * @param file - the .onnx file
 * @param open - opens the files of its external data
 * @throws PolyakError `ERR_CHECKPOINT` where the model is malformed
 */
export async function onnxCheckpoint(file: CheckpointFile, open: OpenFile): Promise<Checkpoint> {
  const { name, source } = file;
  const model = await scanned(file);
  const data = await findData(
    file,
    model.tensors.filter(({ dataType, isExternal }) => isExternal || dataType !== STRING),
    open,
  );
  const tensors = new Map<string, TensorPlace>();
  for (const tensor of model.tensors) {
    const place = data.of.get(tensor);
    if (!tensor.isInitializer || place === undefined) continue;
    if (tensor.name === '' || tensors.has(tensor.name)) {
      const found = tensor.name === '' ? 'without a name' : `"${tensor.name}" a second time`;
      throw checkpointError(name, `it has an initializer ${found}. Export the model again.`);
    }
    const { file: index, begin, byteLength } = place;
    const dtype = dtypeOf(tensor.dataType);
    tensors.set(tensor.name, { dtype, shape: tensor.dims, file: index, begin, byteLength });
  }
  return {
    name,
    format: 'onnx',
    files: data.files,
    tensors,
    metadata: Object.fromEntries(model.metadata),
    layout: (request) => layoutModel({ name, source, model, data, tensors }, request),
    close: () => Promise.resolve(),
  };
}

async function scanned({ name, source }: CheckpointFile): Promise<ScannedModel> {
  try {
    return await scanModel(source);
  } catch (cause) {
    if (PolyakError.is(cause)) throw cause;
    throw checkpointError(
      name,
      `not an ONNX model, or a damaged one (${textOf(cause)}); expected ${READ_FORMATS}. Export ` +
        'it again, or copy the whole file.',
      cause,
    );
  }
}
