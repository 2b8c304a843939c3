// One update on the GPU. It makes new tensors, and a status of each item, which the host reads.
import { hostKernels } from '@polyak/backend-cpu/host';
import type { UpdatedItem } from '@polyak/backend-cpu/host';
import type { AveragedItem, AverageItem, HostTensor } from '@polyak/core/interfaces';
import type { Tensor } from 'onnxruntime-node';
import { specOf, tensorOver } from '../dtype.js';
import type { Ort } from '../ort.js';
import type { DeviceFinite } from './device-finite.js';
import type { DeviceRuns, KernelResult } from './device-runs.js';
import { averageKernel, compensatedKernel } from './kernel-graph.js';
import { statesOf, updateItemOf } from './update-item.js';

/**
 * Computes the averages after an update.
 *
 * @param ort - the runtime
 * @param runs - runs of kernels on the device
 * @param finite - the checks of the device
 * @param items - only read; float32 and not empty, live tensors may be float16
 * @returns new tensors, which the caller disposes of; where it throws, none is left
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
  const averaged = (await runs.run(kernels, inputs, 'gpu-buffer')).map(averagedItem);
  try {
    const questionable = averaged.filter(({ isFinite }) => !isFinite);
    const answers = await finite.check(questionable.map(({ average }) => average));
    questionable.forEach((item, n) => {
      averaged[averaged.indexOf(item)] = { ...item, isFinite: answers[n] === true };
    });
    await correct(runs, items, averaged);
    return averaged;
  } catch (error) {
    for (const tensor of averaged.flatMap(statesOf)) tensor.dispose();
    throw error;
  }
}

/**
 * Replaces results that are not finite by those of the host's kernels, which do not overflow. Rare,
 * so that it may cost reading these items.
 */
async function correct(
  runs: DeviceRuns,
  items: readonly AverageItem<Tensor>[],
  averaged: AveragedItem<Tensor>[],
): Promise<void> {
  const places = [...averaged.keys()].filter((place) => averaged[place]?.isFinite === false);
  if (places.length === 0) return;
  const wrong = places.map((place) => items[place] as AverageItem<Tensor>);
  const read = (await runs.read(wrong.flatMap((item) => [...statesOf(item), item.live]))).values();
  const next = (): HostTensor => read.next().value as HostTensor;
  const updates = wrong.map(({ residual, weight }) => {
    const states = { average: next(), ...(residual !== undefined && { residual: next() }) };
    return updateItemOf({ ...states, live: next(), weight });
  });
  const result = hostKernels().average(updates, { allowNonFinite: true });
  const right: readonly UpdatedItem[] = result.kind === 'averaged' ? result.items : [];
  const specs = wrong.flatMap(statesOf).map(specOf);
  const arrays = right.flatMap(statesOf);
  const held = await runs.hold(
    specs.map((spec, n) => ({ ...spec, data: arrays[n] as HostTensor['data'] })),
  );
  const tensors = held.values();
  places.forEach((place, n) => {
    const { residual, ...rest } = averaged[place] as AveragedItem<Tensor>;
    for (const tensor of statesOf({ ...rest, residual })) tensor.dispose();
    averaged[place] = {
      ...rest,
      average: tensors.next().value as Tensor,
      ...(residual !== undefined && { residual: tensors.next().value as Tensor }),
      isFinite: right[n]?.isFinite === true,
    };
  });
}

/**
 * Between finite numbers, an average that moves less than this cannot overflow: the rounding of so
 * small a step is below half the last digit of the largest number.
 */
const SAFE = 2 ** 126;

/** An item that may be finite even where `isFinite` says no. */
function averagedItem({ outputs, status }: KernelResult): AveragedItem<Tensor> {
  const [average, residual] = outputs;
  return {
    average: average as Tensor,
    ...(residual !== undefined && { residual }),
    // NaN where an element is NaN.
    isFinite: (status ?? NaN) < SAFE,
    hasMoved: status !== 0,
  };
}
