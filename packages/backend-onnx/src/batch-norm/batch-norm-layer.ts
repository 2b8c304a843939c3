// A batch-norm layer for core: reads and writes running statistics through the cells of a model.
import type {
  BatchNormLayer,
  HostTensor,
  Parameter,
  RunningStatistics,
  TensorSpec,
} from '@polyak/core/interfaces';
import { PolyakError } from '@polyak/core';
import { halfFromFloat, halfToFloat32, swapAll } from '@polyak/core/kit';
import type { Tensor } from 'onnxruntime-node';
import type { BatchNormNodes } from './batch-norm-nodes.js';
import { elementsOf, specOf, tensorOver } from '../dtype.js';
import type { WeightStorage } from '../model/model.js';
import type { Ort } from '../ort.js';
import { handles } from '../references.js';

/**
 * Makes a layer.
 *
 * @param nodes - its nodes in the graph
 * @param cells - the model's weights
 * @param storage - where the weights are kept
 * @param varianceKind - the variance that the model keeps
 */
export function batchNormLayer(
  { name, mean, variance }: BatchNormNodes,
  cells: ReadonlyMap<string, Parameter<Tensor>>,
  storage: WeightStorage,
  varianceKind: BatchNormLayer['varianceKind'],
): BatchNormLayer {
  const identity = cellOf(cells, mean);
  const own = [identity, cellOf(cells, variance)];
  const [channels = 0, others] = own.map((cell) => cell.get().size);
  if (channels !== others) {
    throw new PolyakError(
      'ERR_BATCH_NORM',
      `batchNormModel: "${mean}" has ${channels} values and "${variance}" ${others}, expected ` +
        'equal numbers. Export the model again.',
    );
  }

  return {
    name,
    // The cell outlives this object, and no other layer has it.
    identity,
    channels,
    // ONNX does not say which layers are trained.
    trainable: true,
    varianceKind,
    async read() {
      const hosts = await storage.download(own.map((cell) => cell.get()));
      const [means, variances] = hosts.map(valuesOf) as [Float64Array, Float64Array];
      return { mean: means, variance: variances };
    },
    async write(statistics: RunningStatistics) {
      const values = [statistics.mean, statistics.variance];
      if (values.some(({ length }) => length !== channels)) {
        throw new PolyakError(
          'ERR_BATCH_NORM',
          `"${name}" has ${channels} channels, found ` +
            `${values.map(({ length }) => length).join(' means and ')} variances.`,
        );
      }
      const before = own.map((cell) => cell.get());
      const after = await storage.upload(
        values.map((each, index) => hostTensorOf(specOf(before[index] as Tensor), each)),
      );
      try {
        const old = await swapAll(handles, own, after);
        handles.dispose(old);
      } finally {
        await storage.dispose(after);
      }
    },
  };
}

/**
 * The storage of weights in host memory.
 *
 * @param ort - the runtime
 */
export function inHostMemory(ort: Ort): WeightStorage {
  return {
    upload: (tensors) => tensors.map((tensor) => tensorOver(ort, tensor)),
    download: (tensors) =>
      tensors.map((tensor) => {
        const { location } = tensor;
        if (location === 'cpu' || location === 'cpu-pinned') {
          return { ...specOf(tensor), data: elementsOf(tensor) };
        }
        throw new PolyakError(
          location === 'none' ? 'ERR_DISPOSED' : 'ERR_UNSUPPORTED',
          location === 'none'
            ? 'batchNormModel: running statistics of the model were disposed of. Set new ones.'
            : `batchNormModel: running statistics have the location "${location}". Pass the ` +
                'option backend with which the model was loaded.',
        );
      }),
    dispose: () => undefined,
  };
}

function cellOf(cells: ReadonlyMap<string, Parameter<Tensor>>, name: string): Parameter<Tensor> {
  const cell = cells.get(name);
  if (cell === undefined) throw new TypeError(`batchNormModel: the model has no weight "${name}".`);
  return cell;
}

function valuesOf({ dtype, data }: HostTensor): Float64Array {
  if (dtype === 'float16') return Float64Array.from(halfToFloat32(dtype, data as Uint16Array));
  return Float64Array.from(data as Float32Array);
}

function hostTensorOf({ dtype, shape }: TensorSpec, values: Float64Array): HostTensor {
  if (dtype === 'float16') return { dtype, shape, data: halfFromFloat(dtype, values) };
  return { dtype, shape, data: dtype === 'float64' ? values.slice() : Float32Array.from(values) };
}
