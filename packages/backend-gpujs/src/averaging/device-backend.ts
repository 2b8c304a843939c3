// The backend on modes whose kernels return textures, or on webgpu handles of buffers.
import type {
  AverageItem,
  AverageOptions,
  AverageResult,
  HostTensor,
  Parameter,
} from '@polyak/core/interfaces';
import { allFinite, either, ledger, swapAll, wait } from '@polyak/core/kit';
import type { Steps } from '@polyak/core/kit';
import type { ModeBackend } from './mode-backend.js';
import { copies, freeData, hostArrays, likeHeld } from './data.js';
import type { Device } from '../device.js';
import { isTextureFinite } from './status.js';
import type { GpujsTensor } from '../tensor.js';
import { arrayOrTexture, tensorOf } from '../tensor.js';
import { isTexture, requireImmutable } from '../texture.js';
import { updated } from './update.js';
import { requireUsable } from './usable.js';

/**
 * The backend of a device with textures.
 *
 * @param device - where to compute
 * @param canCompensate - whether its driver keeps rounding errors, which a compiler could remove
 */
export function deviceBackend(device: Device, canCompensate: boolean): ModeBackend {
  const made = ledger<GpujsTensor>(
    ({ data }) => data,
    (tensor) => tensor,
  );

  function usable(call: string, tensors: readonly GpujsTensor[]): void {
    requireUsable(device, call, tensors);
    made.requireAlive(call, tensors);
  }

  function free(call: string, tensors: readonly GpujsTensor[]): void {
    freeData(made.release(call, tensors).map(({ data }) => data));
  }

  function* downloaded(tensors: readonly GpujsTensor[]): Steps<readonly HostTensor[]> {
    const list = tensors.map(({ data }) => data);
    const arrays = yield* hostArrays(device, list);
    return tensors.map(({ dtype, shape }, n) => ({
      dtype,
      shape,
      data: (arrays[n] as Float32Array).slice(),
    }));
  }

  function* finite(tensors: readonly GpujsTensor[]): Steps<readonly boolean[]> {
    const others = tensors.flatMap(({ data }) => (isTexture(data) ? [] : [data]));
    const arrays = (yield* hostArrays(device, others)).values();
    const answers: boolean[] = [];
    for (const { dtype, data } of tensors) {
      answers.push(
        isTexture(data)
          ? yield* isTextureFinite(device, data)
          : allFinite(dtype, arrays.next().value as Float32Array),
      );
    }
    return answers;
  }

  function* average(
    items: readonly AverageItem<GpujsTensor>[],
    { allowNonFinite = false }: AverageOptions,
  ): Steps<AverageResult<GpujsTensor>> {
    const results = yield* updated(
      device,
      items.map((item) => ({
        state: stateOf(item).map(({ data }) => data),
        live: item.live.data,
        weight: item.weight,
      })),
    );
    const nonFinite = results.flatMap(({ isFinite }, index) => (isFinite ? [] : [index]));
    if (nonFinite.length > 0 && !allowNonFinite) {
      freeData(results.flatMap(({ state }) => state));
      return { kind: 'refused', nonFinite };
    }
    free('average', items.flatMap(stateOf));
    const averaged = results.map(({ state, isFinite, hasMoved }, index) => {
      const { shape } = (items[index] as AverageItem<GpujsTensor>).average;
      const [sum, residual] = made.add(state.map((data) => tensorOf(shape, data)));
      const result = { average: sum as GpujsTensor, isFinite, hasMoved };
      return residual === undefined ? result : { ...result, residual };
    });
    return { kind: 'averaged', items: averaged };
  }

  /** What the model holds: another handle on each texture, a copy of each array. */
  function hold(tensors: readonly GpujsTensor[]): readonly GpujsTensor[] {
    return made.add(
      tensors.map(({ shape, data }) => {
        const kept = arrayOrTexture('swap: what a parameter holds', data);
        return tensorOf(shape, isTexture(kept) ? kept.clone() : kept.slice());
      }),
    );
  }

  function* swap(
    parameters: readonly Parameter<GpujsTensor>[],
    tensors: readonly GpujsTensor[],
  ): Steps<readonly GpujsTensor[]> {
    const held = parameters.map((parameter) => parameter.get());
    const given = yield* likeHeld(device, tensors, held);
    try {
      const operations = { hold, dispose: (list: typeof held) => free('swap', list) };
      return yield* wait(swapAll(operations, parameters, given.tensors));
    } finally {
      freeData(given.made);
    }
  }

  return {
    isSynchronous: device.mode !== 'webgpu',
    canCompensate,

    upload(tensors) {
      device.requireAlive('upload');
      // They stay on the host until the first update packs them.
      return made.add(
        tensors.map(({ shape, data }) => tensorOf(shape, (data as Float32Array).slice())),
      );
    },

    download(tensors) {
      usable('download', tensors);
      return either(downloaded(tensors));
    },

    clone(tensors) {
      usable('clone', tensors);
      return either(cloned(tensors));
    },

    allFinite(tensors) {
      usable('allFinite', tensors);
      return either(finite(tensors));
    },

    average(items, options = {}) {
      usable('average', [...items.flatMap(stateOf), ...items.map(({ live }) => live)]);
      return either(average(items, options));
    },

    swap(parameters, tensors) {
      usable('swap', tensors);
      const held = parameters.map((parameter) => parameter.get());
      const nameOf = (index: number): string => `"${parameters[index]?.name}"`;
      requireUsable(device, 'swap', held, nameOf);
      held.forEach(({ data }, index) => {
        if (isTexture(data)) requireImmutable(data, `swap: ${nameOf(index)}`);
      });
      return either(swap(parameters, tensors));
    },

    dispose: (tensors) => free('dispose', tensors),

    memory: () => made.memory(),
  };

  function* cloned(tensors: readonly GpujsTensor[]): Steps<readonly GpujsTensor[]> {
    return made.add(yield* copies(device, tensors));
  }
}

/** The average, and the residual if there is one. */
function stateOf({ average, residual }: AverageItem<GpujsTensor>): readonly GpujsTensor[] {
  return residual === undefined ? [average] : [average, residual];
}
