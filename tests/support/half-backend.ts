// A backend with half precision, for tests of what core does with it.
import type { HostTensor } from '@polyak/core/interfaces';
import { plainBackend, plainParameter } from './plain-backend.js';
import type { PlainBackend } from './plain-backend.js';

/** Its tensors. */
export type HalfTensor = HostTensor;

/** The backend, with the number of its tensors. */
export type HalfBackend = PlainBackend;

/** A backend of float32, float16, bfloat16 and integers. */
export function halfBackend(): HalfBackend {
  return plainBackend(['float32', 'float16', 'bfloat16', 'int32']);
}

export { plainParameter as halfParameter };
