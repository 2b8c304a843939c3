// The template with its methods written, in plain JavaScript.
import type { AverageItem, Backend, HostTensor } from '@polyak/core/interfaces';
import { allFinite, ledger, swapAll } from '@polyak/core/kit';
import type { LedgerMemory } from '@polyak/core/kit';
import type { TemplateTensor } from './tensor.js';

/** A {@link Backend} of arrays. */
export interface TemplateBackend extends Backend<TemplateTensor> {
  /** The memory of the tensors that the backend made and that were not disposed of. */
  memory(): LedgerMemory;
}

/** Averages in plain JavaScript. */
export function templateBackend(): TemplateBackend {
  const made = ledger<TemplateTensor>(
    ({ handle }) => handle,
    (tensor) => tensor,
  );
  const clone = (tensors: readonly TemplateTensor[]): readonly TemplateTensor[] => {
    made.requireAlive('clone', tensors);
    return made.add(tensors.map((tensor) => ({ ...tensor, handle: tensor.handle.slice() })));
  };
  const dispose = (tensors: readonly TemplateTensor[]): void => {
    made.release('dispose', tensors);
  };

  return {
    specVersion: 1,
    name: 'template:device',
    dtypes: ['float32'],
    isSynchronous: false,
    canCompensate: false,

    spec: ({ dtype, shape }) => ({ dtype, shape }),

    upload: (tensors) =>
      made.add(tensors.map(({ dtype, shape, data }) => ({ dtype, shape, handle: data.slice() }))),

    download(tensors) {
      made.requireAlive('download', tensors);
      return tensors.map(({ dtype, shape, handle }): HostTensor => ({
        dtype,
        shape,
        data: handle.slice(),
      }));
    },

    clone,

    allFinite(tensors) {
      made.requireAlive('allFinite', tensors);
      return tensors.map(({ dtype, handle }) => allFinite(dtype, handle));
    },

    average(items, { allowNonFinite = false } = {}) {
      const averages = items.map(({ average }) => average);
      made.requireAlive('average', [...averages, ...items.map(({ live }) => live)]);
      const results = items.map(averaged);
      const nonFinite = results.flatMap(({ isFinite }, n) => (isFinite ? [] : [n]));
      if (nonFinite.length > 0 && !allowNonFinite) return { kind: 'refused', nonFinite };
      dispose(averages);
      made.add(results.map(({ average }) => average));
      return { kind: 'averaged', items: results };
    },

    swap(parameters, tensors) {
      made.requireAlive('swap', tensors);
      return swapAll({ hold: clone, dispose }, parameters, tensors);
    },

    dispose,

    memory: () => made.memory(),
  };
}

function averaged({ average, live, weight }: AverageItem<TemplateTensor>): {
  readonly average: TemplateTensor;
  readonly isFinite: boolean;
  readonly hasMoved: boolean;
} {
  const [from, towards] = [average.handle, live.handle] as [Float32Array, Float32Array];
  const w = Math.fround(weight);
  let hasMoved = false;
  const handle = from.map((a, i) => {
    const p = towards[i] as number;
    hasMoved ||= a !== p;
    // In float64, which no difference of two float32 overflows.
    return a + w * (p - a);
  });
  const { dtype, shape } = average;
  return { average: { dtype, shape, handle }, isFinite: allFinite(dtype, handle), hasMoved };
}
