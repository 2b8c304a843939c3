// ONNX Runtime as a backend of weight averaging.
import { PolyakError } from '@polyak/core';
import type { Awaitable } from '@polyak/core/interfaces';
import { requireOptions } from '@polyak/core/kit';
import { readProviders, requireOrt } from '../arguments.js';
import type { Ort } from '../ort.js';
import { deviceBackend } from './device-backend.js';
import { hostBackend } from './host-backend.js';
import type { AveragingProvider, OnnxBackend } from './onnx-backend.js';

/** Options of {@link onnxBackend}. */
export interface OnnxBackendOptions {
  /** Where averages are computed: the first provider that runs here. Default `['cpu']`. */
  readonly executionProviders?: readonly AveragingProvider[];
}

/**
 * Makes a backend of weight averaging that runs on ONNX Runtime.
 *
 * The live tensors are those that the model is fed. A swap exchanges handles, and an average stays
 * alive while it is in a model. On `cpu` the tensors are in host memory, which suits models on
 * `cpu` and `cuda`, and no method returns a promise. On `webgpu` they are in GPU buffers, like the
 * outputs of sessions with `preferredOutputLocation: 'gpu-buffer'`. Averages of float16 tensors are
 * float32.
 *
 * A later update overwrites the array of an average, and a swap puts the average itself into the
 * model. So copy averages that you keep, and replace tensors instead of writing into their arrays.
 *
 * @param ort - the module `onnxruntime-node`
 * @param options - where to compute
 * @returns the backend, named after the provider that it runs on; release it
 * @throws PolyakError `ERR_UNSUPPORTED` where none of the providers runs here, with the reason for
 * each
 * @throws RangeError for an empty list, and for an unknown provider
 *
 * @example
 * ```ts
 * import * as ort from 'onnxruntime-node';
 * import { observedOptimizer, SWA } from '@polyak/core';
 * import { onnxBackend, onnxParameter } from '@polyak/backend-onnx';
 *
 * const weight = onnxParameter('weight', new ort.Tensor('float32', [0, 0], [2]));
 * const backend = await onnxBackend(ort);
 * const swa = new SWA(observedOptimizer([{ params: [weight], lr: 0.1 }]), { backend });
 *
 * for (const value of [1, 2, 6]) {
 *   weight.set(new ort.Tensor('float32', [value, value], [2])); // an optimizer's step
 *   await swa.updateSwa();
 * }
 * await swa.swapSwaSgd();
 * console.log(backend.name, [...weight.get().data]); // onnx:cpu [3, 3]
 * await backend.release();
 * ```
 *
 * @see https://onnxruntime.ai/docs/api/js/
 */
export async function onnxBackend(
  ort: Ort,
  options: OnnxBackendOptions = {},
): Promise<OnnxBackend> {
  requireOrt('onnxBackend', ort);
  const given = requireOptions('onnxBackend', options, ['executionProviders']);
  const executionProviders = readProviders('onnxBackend', given.executionProviders ?? ['cpu']);
  requireProviders(executionProviders);
  const reasons: string[] = [];
  const causes: unknown[] = [];
  for (const provider of executionProviders) {
    try {
      return await OPENED_BY[provider](ort);
    } catch (error) {
      causes.push(error);
      reasons.push(`${provider} does not run here (${firstLine(error)}): ${REMEDIES[provider]}`);
    }
  }
  throw new PolyakError(
    'ERR_UNSUPPORTED',
    `onnxBackend: ${reasons.join('; ')}. Or ask for another provider.`,
    { cause: causes.length === 1 ? causes[0] : new AggregateError(causes) },
  );
}

type Opening = (ort: Ort) => Awaitable<OnnxBackend>;

const OPENED_BY: Readonly<Record<AveragingProvider, Opening>> = {
  cpu: hostBackend,
  webgpu: deviceBackend,
};

/** What helps where a provider does not run. */
const REMEDIES: Readonly<Record<AveragingProvider, string>> = {
  cpu: 'reinstall onnxruntime-node',
  webgpu:
    'it needs a driver for Vulkan, Metal or Direct3D 12; on Linux install libvulkan1 and name ' +
    'the driver in VK_ICD_FILENAMES',
};

function requireProviders(providers: readonly AveragingProvider[]): void {
  const isKnown = providers.every((provider) => Object.hasOwn(OPENED_BY, provider));
  if (isKnown && providers.length > 0) return;
  throw new RangeError(
    `onnxBackend: executionProviders is [${providers.join(', ')}], expected one or more of ` +
      `${Object.keys(OPENED_BY).join(', ')}. The weights of models on cuda are in host memory: ` +
      'average them on cpu.',
  );
}

function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n', 1)[0] ?? '';
}
