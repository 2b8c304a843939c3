// The arithmetic of one update on the GPU: new tensors, and a flag of each that the host reads.
import type { AveragedItem, AverageItem } from '@polyak/core/interfaces';
import type { Tensor } from 'onnxruntime-node';
import { specOf, tensorOver } from '../dtype.js';
import type { Ort } from '../ort.js';
import type { DeviceFinite } from './device-finite.js';
import type { DeviceRuns, KernelResult } from './device-runs.js';
import { averageKernel, compensatedKernel } from './kernel-graph.js';
import { statesOf } from './update-item.js';

/**
 * The averages after the update; `items` stay as they are.
 *
 * @param ort - the runtime
 * @param runs - on the device
 * @param finite - the checks of the device
 * @param items - of float32, not empty; live tensors may be float16
 * @returns new tensors, the caller's; where it throws, none is left
 */
export async function averageOnDevice(
  ort: Ort,
  runs: DeviceRuns,
  finite: DeviceFinite,
  items: readonly AverageItem<Tensor>[],
): Promise<readonly AveragedItem<Tensor>[]> {
  const kernels = items.map(({ average, residual, live }) => {
    const kernelOf = residual === undefined ? averageKernel : compensatedKernel;
    return kernelOf(specOf(average).dtype, specOf(live).dtype);
  });
  const inputs = items.map(({ average, residual, live, weight }) => [
    average,
    ...(residual === undefined ? [] : [residual]),
    live,
    tensorOver(ort, { dtype: 'float32', shape: [], data: Float32Array.of(weight) }),
  ]);
  const results = await runs.run(kernels, inputs, 'gpu-buffer', {
    largest: finite.largest('float32'),
  });
  const averaged = results.map(averagedItem);
  try {
    if (finite.canCompare) return averaged;
    const isFinite = await finite.check(averaged.map(({ average }) => average));
    return averaged.map((item, index) => ({ ...item, isFinite: isFinite[index] === true }));
  } catch (error) {
    for (const tensor of averaged.flatMap(statesOf)) tensor.dispose();
    throw error;
  }
}

function averagedItem({ outputs, flags }: KernelResult): AveragedItem<Tensor> {
  const [average, residual] = outputs;
  const [isFinite, isEqual] = flags;
  return {
    average: average as Tensor,
    ...(residual !== undefined && { residual }),
    isFinite: isFinite === true,
    hasMoved: isEqual !== true,
  };
}
