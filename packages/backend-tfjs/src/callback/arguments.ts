// Refusals of arguments of swaCallback that are not what they should be.
import type { ModeOptions } from '@polyak/core';
import type { TensorFlowWithLayers } from '../tensorflow.js';
import { requireTensorFlow } from '../tensorflow.js';

/** @throws TypeError where `tf` is not TensorFlow.js with its layers */
export function requireLayers(tf: TensorFlowWithLayers): void {
  requireTensorFlow('swaCallback', tf);
  // tfjs-core alone has no layers.
  if (typeof (tf as Partial<TensorFlowWithLayers>).CustomCallback === 'function') return;
  throw new TypeError(
    'swaCallback: the first argument is TensorFlow.js without layers. Pass the tf of import * as ' +
      "tf from '@tensorflow/tfjs', or { ...tfCore, ...tfLayers }.",
  );
}

/** @throws RangeError where the options do not say when to average */
export function requireAutomatic(options: ModeOptions): void {
  // What JavaScript passes may be anything.
  const given = options as ModeOptions | null | undefined;
  if (given?.swaStart !== undefined && given.swaFreq !== undefined) return;
  throw new RangeError(
    'swaCallback: swaStart or swaFreq is missing, so nothing would be averaged. Pass both, such ' +
      "as { swaStart: 6, swaFreq: 1, unit: 'epoch' }.",
  );
}

/** @throws TypeError where an evaluation did not return numbers by name */
export function requireNumbers(results: Readonly<Record<string, number>>): void {
  // What JavaScript passes may be anything.
  const given: unknown = results;
  const isRecord = typeof given === 'object' && given !== null;
  if (isRecord && Object.values(given).every((value) => typeof value === 'number')) return;
  const found = isRecord ? 'a value that is not a number' : typeof given;
  throw new TypeError(
    `swaCallback: evaluate returned ${found}, expected numbers by name, such as { loss: 0.1 }. ` +
      'Read a tensor by data() or dataSync().',
  );
}
