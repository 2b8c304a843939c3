// A kernel call that fails, anywhere in an update or a swap: nothing has changed, nothing is left.
import { gpujsBackend, gpujsParameter, gpujsTensor } from '@polyak/backend-gpujs';
import type { GpujsBackend, GpujsTensor } from '@polyak/backend-gpujs';
import type { AverageItem, HostTensor } from '@polyak/core/interfaces';
import type { GPU as Gpu } from 'gpu.js';
import { expect, it } from 'vitest';
import { countTextures } from '../count-textures.js';
import { describeModes } from '../../../../tests/support/gpujs/describe-modes.js';
import { GPU, TEXTURE_MODES } from '../../../../tests/support/gpujs/modes.js';
import { textureOf } from '../textures.js';
import { deleteTextures } from '../updates.js';

/** Lets the n-th call of a kernel from now on fail. */
interface Faults {
  failAt(call: number): void;
  /** How many calls there were since. */
  calls(): number;
}

function faultsOf(gpu: Gpu): Faults {
  let [count, fault] = [0, Infinity];
  const create = gpu.createKernel.bind(gpu) as (
    source: string,
    settings: object,
  ) => (...args: unknown[]) => unknown;
  gpu.createKernel = ((source: string, settings: object) => {
    const call = create(source, settings);
    const faulty = (...args: unknown[]): unknown => {
      count += 1;
      if (count === fault) throw new Error('no memory left');
      return call(...args);
    };
    return Object.defineProperty(faulty, 'kernel', {
      get: () => (call as unknown as { kernel: unknown }).kernel,
    });
  }) as unknown as typeof gpu.createKernel;
  return {
    failAt(call) {
      [count, fault] = [0, call];
    },
    calls: () => count,
  };
}

const host = (...values: readonly number[]): HostTensor => ({
  dtype: 'float32',
  shape: [values.length],
  data: Float32Array.from(values),
});

type Item = AverageItem<GpujsTensor>;

/** Averages of an array and of a texture, plain and compensated, and one that overflows. */
function itemsOf(backend: GpujsBackend, live: readonly GpujsTensor[]): readonly Item[] {
  const average = (tensor: HostTensor): GpujsTensor => backend.upload([tensor])[0] as GpujsTensor;
  const item = (place: number, weight: number, ...state: readonly HostTensor[]): Item => {
    const [sum, residual] = state.map(average);
    const plain = { average: sum as GpujsTensor, live: live[place] as GpujsTensor, weight };
    return residual === undefined ? plain : { ...plain, residual };
  };
  return [
    item(0, 0.5, host(1, 2, 3)),
    item(1, 0.25, host(4, 5)),
    item(0, 0.5, host(6, 7, 8), host(1e-9, 2e-9, 3e-9)),
    item(1, 0.5, host(9, 10), host(4e-9, 5e-9)),
    item(2, 0.5, host(-3e38)),
  ];
}

function stateOf(items: readonly Item[]): readonly GpujsTensor[] {
  return items.flatMap(({ average, residual }) =>
    residual === undefined ? [average] : [average, residual],
  );
}

describeModes(TEXTURE_MODES, (mode) => {
  it('changes nothing where a kernel call of an update fails', async () => {
    const gpu = new GPU({ mode });
    const faults = faultsOf(gpu);
    const backend = await gpujsBackend(gpu);
    const live = [
      gpujsTensor(Float32Array.of(7, 8, 9)),
      gpujsTensor(await textureOf(gpu, Float32Array.of(10, 11), [2])),
      gpujsTensor(Float32Array.of(3e38)),
    ];
    let items = itemsOf(backend, live);
    const update = async (): Promise<void> => {
      const result = await backend.average(items, { allowNonFinite: true });
      if (result.kind === 'refused') throw new Error('unreachable');
      items = items.map((item, n) => ({ ...item, ...result.items[n] }));
    };
    // From the second update on they are on the device.
    await update();
    faults.failAt(0);
    await update();
    const calls = faults.calls();
    expect(calls).toBeGreaterThan(10);

    const count = countTextures(gpu);
    const before = await backend.download(stateOf(items));
    const memory = backend.memory();
    const failEverywhere = async (): Promise<void> => {
      for (let call = 1; call <= calls; call += 1) {
        faults.failAt(call);
        await expect(update()).rejects.toThrow('no memory left');
        expect(backend.memory()).toEqual(memory);
        expect(await backend.download(stateOf(items))).toEqual(before);
      }
    };
    // The kernels keep their last results, those of the first round too.
    await failEverywhere();
    const textures = count();
    await failEverywhere();
    expect(count()).toBe(textures);

    faults.failAt(0);
    await update();
    backend.dispose(stateOf(items));
    expect(backend.memory().tensors).toBe(0);
    deleteTextures(live);
    await backend.release();
    await gpu.destroy();
  });

  it('changes nothing where a kernel call of a swap fails', async () => {
    const gpu = new GPU({ mode });
    const faults = faultsOf(gpu);
    const backend = await gpujsBackend(gpu);
    const array = Float32Array.of(1, 2);
    const texture = await textureOf(gpu, Float32Array.of(3, 4), [2]);
    const parameters = [gpujsParameter('a', array), gpujsParameter('t', texture)];
    const tensors = backend.upload([host(5, 6), host(7, 8)]);
    const memory = backend.memory();
    faults.failAt(1);
    await expect(async () => backend.swap(parameters, tensors)).rejects.toThrow('no memory left');
    const held = async (): Promise<unknown> =>
      (await backend.download(parameters.map((parameter) => parameter.get()))).map(
        ({ data }) => data,
      );
    expect(await held()).toEqual([Float32Array.of(1, 2), Float32Array.of(3, 4)]);
    expect(backend.memory()).toEqual(memory);
    backend.dispose(await backend.swap(parameters, tensors));
    expect(await held()).toEqual([Float32Array.of(5, 6), Float32Array.of(7, 8)]);
    texture.delete();
    await gpu.destroy();
  });
});
