// A call on the device. WebGPU reports errors to error scopes, and the loss of the device by a
// promise; a call turns both into exceptions, and leaves no buffer behind.
import { PolyakError } from '@polyak/core';
import type { Awaitable, TensorSpec } from '@polyak/core/interfaces';
import { byteLength, USAGE } from './tensor.js';
import type { WebgpuTensor } from './tensor.js';

/** Makes the buffers of a call. */
export interface Buffers {
  /** Makes a tensor of zeros. It is destroyed if the call fails. */
  readonly make: (spec: TensorSpec) => WebgpuTensor;
  /** Makes a buffer that is destroyed when the call ends. */
  readonly borrow: (size: number, usage: number) => GPUBuffer;
}

const KINDS = ['validation', 'out-of-memory', 'internal'] as const;

/**
 * Runs a call.
 *
 * @param device - the device
 * @param name - what was called, for messages
 * @param work - makes all its WebGPU calls before it first awaits: the error scopes of a device are
 *   a stack, onto which other code may push while this call waits
 * @returns what `work` returned
 * @throws PolyakError `ERR_DISPOSED` where the device is lost; else Error with WebGPU's message
 */
export async function call<R>(
  device: GPUDevice,
  name: string,
  work: (buffers: Buffers) => Awaitable<R>,
): Promise<R> {
  const made: GPUBuffer[] = [];
  const borrowed: GPUBuffer[] = [];
  const add = (list: GPUBuffer[], size: number, usage: number): GPUBuffer => {
    const buffer = device.createBuffer({ size, usage });
    list.push(buffer);
    return buffer;
  };
  const make = ({ dtype, shape }: TensorSpec): WebgpuTensor => {
    const spec = { dtype, shape: [...shape] };
    return { ...spec, buffer: add(made, byteLength(spec), USAGE) };
  };
  const borrow = (size: number, usage: number): GPUBuffer => add(borrowed, size, usage);

  for (const kind of KINDS) device.pushErrorScope(kind);
  // Within a promise, so that the scopes are popped even if `work` throws at once.
  const result = new Promise<R>((resolve) => {
    resolve(work({ make, borrow }));
  });
  const scopes = KINDS.map(async () => {
    const error = await device.popErrorScope();
    if (error === null) return;
    throw new Error(`${name}: ${error.constructor.name}: ${error.message}`, { cause: error });
  });
  const outcomes = await Promise.allSettled([...scopes, result]);
  for (const buffer of borrowed) buffer.destroy();
  const failure = outcomes.find((outcome) => outcome.status === 'rejected');
  // Where the device is lost, other failures are its consequences.
  const lost = await Promise.race([device.lost, undefined]);
  if (lost === undefined && failure === undefined) return result;
  for (const buffer of made) buffer.destroy();
  if (lost === undefined) throw failure?.reason;
  throw new PolyakError(
    'ERR_DISPOSED',
    `${name}: the device was lost (${lost.reason}: ${lost.message}), and its buffers with it. ` +
      'Request a device, and restore the model and the averages from their saved states.',
  );
}
