// Host tensors with arrays of their own.
import type { NamedTensors } from '@polyak/core';
import type { HostTensor } from '@polyak/core/interfaces';

/** `tensor` with an array of its own. */
export function copyOf({ dtype, shape, data }: HostTensor): HostTensor {
  return { dtype, shape: [...shape], data: data.slice() };
}

/** `tensors`, each with an array of its own. */
export function copiesOf(tensors: NamedTensors): NamedTensors {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => [name, copyOf(tensor)]),
  );
}
