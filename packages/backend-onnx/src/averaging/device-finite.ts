// Checks tensors on the GPU for NaN and infinities. WGSL does not define how these compare.
import type { HostTensor } from '@polyak/core/interfaces';
import { isFloating } from '@polyak/core/interfaces';
import { allFinite } from '@polyak/core/kit';
import type { Tensor } from 'onnxruntime-node';
import { specOf, tensorOver } from '../dtype.js';
import type { OnnxDType } from '../dtype.js';
import type { Ort } from '../ort.js';
import type { DeviceRuns } from './device-runs.js';
import { finiteKernel } from './kernel-graph.js';

const LARGEST: Readonly<Partial<Record<OnnxDType, HostTensor>>> = {
  float32: { dtype: 'float32', shape: [], data: Float32Array.of(3.4028234663852886e38) },
  float16: { dtype: 'float16', shape: [], data: Uint16Array.of(0x7bff) },
};

/** Checks of tensors on a device. */
export interface DeviceFinite {
  /** For each tensor, whether all its elements are finite. */
  check(tensors: readonly Tensor[]): Promise<readonly boolean[]>;
}

/**
 * Finds out how the device compares, and makes its checks.
 *
 * @param ort - the runtime
 * @param runs - runs of kernels on the device
 */
export async function deviceFinite(ort: Ort, runs: DeviceRuns): Promise<DeviceFinite> {
  const largest = (dtype: OnnxDType): Tensor => tensorOver(ort, LARGEST[dtype] as HostTensor);

  async function onDevice(tensors: readonly Tensor[]): Promise<readonly boolean[]> {
    const answers: boolean[] = [];
    const places = [...tensors.keys()];
    for (const dtype of new Set(tensors.map((tensor) => specOf(tensor).dtype))) {
      const alike = places.filter((place) => tensors[place]?.type === dtype);
      const results = await runs.run(
        alike.map(() => finiteKernel(dtype)),
        alike.map((place) => [tensors[place] as Tensor]),
        'cpu',
        { largest: largest(dtype) },
      );
      results.forEach(({ status }, n) => (answers[alike[n] as number] = status === 1));
    }
    return answers;
  }

  async function onHost(tensors: readonly Tensor[]): Promise<readonly boolean[]> {
    return (await runs.read(tensors)).map(({ dtype, data }) => allFinite(dtype, data));
  }

  async function comparesRightly(): Promise<boolean> {
    const tensors = await runs.hold(
      [NaN, Infinity, -Infinity, 1].map((value) => ({
        dtype: 'float32' as const,
        shape: [2],
        data: Float32Array.of(value, 0),
      })),
    );
    const found = await onDevice(tensors);
    for (const tensor of tensors) tensor.dispose();
    return found.join() === 'false,false,false,true';
  }

  /** Whether comparisons on the device tell NaN and infinities from finite numbers. */
  const canCompare = await comparesRightly();
  return {
    async check(tensors) {
      // A reduction over no elements is undefined.
      const questionable = tensors.filter(
        (tensor) => isFloating(specOf(tensor).dtype) && tensor.size > 0,
      );
      const answers = await (canCompare ? onDevice(questionable) : onHost(questionable));
      const bad = new Set(questionable.filter((_, index) => answers[index] !== true));
      return tensors.map((tensor) => !bad.has(tensor));
    },
  };
}
