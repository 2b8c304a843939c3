// The backend of tensors in host memory, for models on cpu and cuda. The kernels of
// @polyak/backend-cpu work on the tensors' own arrays; ORT only makes the handles.
import { hostKernels } from '@polyak/backend-cpu/host';
import type { FloatArray, LiveArray, UpdatedItem, UpdateItem } from '@polyak/backend-cpu/host';
import { PolyakError } from '@polyak/core';
import type { AveragedItem, AverageItem, HostTensor } from '@polyak/core/interfaces';
import { allFinite, swapAll } from '@polyak/core/kit';
import type { Tensor } from 'onnxruntime-node';
import { ONNX_DTYPES, elementsOf, specOf, tensorOver } from '../dtype.js';
import type { Ort } from '../ort.js';
import { handles, isUnshared, referencesOf } from '../references.js';
import type { OnnxBackend } from './onnx-backend.js';
import { castOnHost } from './host-cast.js';
import { statesOf, updateItemOf } from './update-item.js';
import { requireUsable } from './usable.js';

const PLACE = {
  name: 'onnx:cpu',
  place: 'host memory',
  holds: (location: Tensor['location']) => location === 'cpu' || location === 'cpu-pinned',
} as const;

/**
 * Makes the backend of tensors in host memory. Only its `release` returns a promise.
 *
 * @param ort - the runtime
 */
export function hostBackend(ort: Ort): OnnxBackend {
  const references = referencesOf((tensor) => tensor.dispose());
  const kernels = hostKernels();
  let isReleased = false;

  function require(call: string, tensors: readonly Tensor[] = []): void {
    if (isReleased) {
      throw new PolyakError(
        'ERR_DISPOSED',
        `${call}: this ONNX backend was released. Make a new one.`,
      );
    }
    requireUsable(call, tensors, PLACE);
  }

  const tensorsOver = (hosts: readonly HostTensor[]): readonly Tensor[] =>
    references.add(hosts.map((host) => tensorOver(ort, host)));

  /** Handles of the new arrays of an update, each with the spec of the tensor that it replaces. */
  function handlesOf(old: readonly Tensor[], arrays: readonly FloatArray[]): readonly Tensor[] {
    return old.map((tensor, index) => {
      const { dtype, shape } = specOf(tensor);
      return tensorOver(ort, { dtype, shape, data: arrays[index] as FloatArray });
    });
  }

  /** Frees replaced averages. A later update overwrites their arrays. */
  function consume(old: readonly Tensor[]): void {
    const arrays = old.map((tensor) => elementsOf(tensor) as FloatArray);
    references.release('average', old);
    kernels.recycle(
      arrays.filter((_, index) => {
        const tensor = old[index] as Tensor;
        return tensor.location === 'none' && isUnshared(tensor);
      }),
    );
  }

  return {
    specVersion: 1,
    name: PLACE.name,
    dtypes: ONNX_DTYPES,
    isSynchronous: true,
    canCompensate: true,
    spec: specOf,

    upload(tensors) {
      require('upload');
      return tensorsOver(tensors.map((tensor) => ({ ...tensor, data: tensor.data.slice() })));
    },

    download(tensors) {
      require('download', tensors);
      return tensors.map(copyOf);
    },

    hostViews(tensors) {
      require('hostViews', tensors);
      return tensors.map(viewOf);
    },

    clone(tensors) {
      require('clone', tensors);
      return tensorsOver(tensors.map(copyOf));
    },

    cast(tensors, dtypes) {
      require('cast', tensors);
      return tensorsOver(
        tensors.map((tensor, index) => castOnHost(viewOf(tensor), dtypes[index] ?? 'float32')),
      );
    },

    allFinite(tensors) {
      require('allFinite', tensors);
      return tensors.map((tensor) => {
        const { dtype, data } = viewOf(tensor);
        return dtype === 'float32' || dtype === 'float64'
          ? kernels.allFinite(data as FloatArray)
          : allFinite(dtype, data);
      });
    },

    average(items, options) {
      require('average', items.flatMap((item) => [...statesOf(item), item.live]));
      const result = kernels.average(items.map(itemOf), options);
      if (result.kind === 'refused') return result;
      const old = items.flatMap(statesOf);
      const made = handlesOf(old, result.items.flatMap(statesOf));
      consume(old);
      references.add(made);
      const next = made.values();
      const averaged = items.map(({ residual }, index): AveragedItem<Tensor> => {
        const { isFinite, hasMoved } = result.items[index] as UpdatedItem;
        const average = next.next().value as Tensor;
        if (residual === undefined) return { average, isFinite, hasMoved };
        return { average, residual: next.next().value as Tensor, isFinite, hasMoved };
      });
      return { kind: 'averaged', items: averaged };
    },

    swap(parameters, tensors) {
      require('swap', tensors);
      const held = parameters.map((parameter) => parameter.get());
      requireUsable('swap', held, PLACE, (index) => `"${parameters[index]?.name}"`);
      return swapAll(handles, parameters, tensors);
    },

    dispose(tensors) {
      references.release('dispose', tensors);
    },

    memory: () => ({ tensors: references.memory().tensors, sessions: 0 }),

    release() {
      isReleased = true;
      return Promise.resolve();
    },
  };
}

function itemOf({ average, residual, live, weight }: AverageItem<Tensor>): UpdateItem<LiveArray> {
  const views = { average: viewOf(average), live: viewOf(live), weight };
  return updateItemOf(residual === undefined ? views : { ...views, residual: viewOf(residual) });
}

function viewOf(tensor: Tensor): HostTensor {
  const { dtype, shape } = specOf(tensor);
  return { dtype, shape, data: elementsOf(tensor) };
}

function copyOf(tensor: Tensor): HostTensor {
  const { dtype, shape } = specOf(tensor);
  return { dtype, shape, data: elementsOf(tensor).slice() };
}
