// The runtime as a backend of weight averaging.
import type { Backend } from '@polyak/core/interfaces';
import type { LedgerMemory } from '@polyak/core/kit';
import { ledger } from '@polyak/core/kit';
import type { TemplateTensor } from './tensor.js';
import { unwritten } from './unwritten.js';

/** A {@link Backend} of the runtime's tensors. */
export interface TemplateBackend extends Backend<TemplateTensor> {
  /** The memory of the tensors that the backend made and that were not disposed of. */
  memory(): LedgerMemory;
}

/**
 * The runtime as a backend of weight averaging.
 *
 * @returns the backend
 */
export function templateBackend(): TemplateBackend {
  // What the backend made: `made.add(tensors)` where it makes tensors, `made.requireAlive(method,
  // tensors)` where it is given some, `made.release(method, tensors)` where it frees them.
  const made = ledger<TemplateTensor>(
    ({ handle }) => handle,
    (tensor) => tensor,
  );

  return {
    specVersion: 1,
    name: 'template:device',
    dtypes: ['float32'],
    isSynchronous: false,
    canCompensate: false,

    spec: () => unwritten('spec', 'Return the dtype and the shape, without reading the device.'),

    upload: () =>
      unwritten('upload', 'Make a tensor of each host tensor, with a copy of its data.'),

    download: () =>
      unwritten('download', 'Return a host tensor of each tensor, with a copy of its elements.'),

    clone: () => unwritten('clone', 'Make a tensor of each tensor, with the same bits.'),

    allFinite: () =>
      unwritten('allFinite', 'Return for each tensor whether it has neither NaN nor infinities.'),

    average: () =>
      unwritten('average', 'Move each average towards its live tensor: all of them, or none.'),

    swap: () =>
      unwritten(
        'swap',
        'Return what the parameters hold, and set each to its tensor: all, or none.',
      ),

    dispose: () => unwritten('dispose', 'Free the tensors that the backend made.'),

    memory: () => made.memory(),
  };
}
