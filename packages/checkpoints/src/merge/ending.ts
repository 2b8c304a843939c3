// The name of an output says its format to those who open it.
import { PolyakError } from '@polyak/core';
import type { Checkpoint, CheckpointFormat } from '../checkpoint.js';

const FORMATS: readonly (readonly [ending: string, format: CheckpointFormat])[] = [
  ['.safetensors', 'safetensors'],
  ['.safetensors.index.json', 'safetensors'],
  ['.onnx', 'onnx'],
  ['.json', 'tfjs'],
];
const ENDINGS: Readonly<Record<CheckpointFormat, string>> = {
  safetensors: '.safetensors',
  polyak: '.safetensors',
  onnx: '.onnx',
  tfjs: '/model.json',
};

/** Throws where the name of an output is that of another format than it will have. */
export function requireEnding(output: string, { name, format }: Checkpoint): void {
  const found = FORMATS.find(([ending]) => output.endsWith(ending))?.[1];
  const written = format === 'polyak' ? 'safetensors' : format;
  if (found === undefined || found === written) return;
  throw new PolyakError(
    'ERR_MISMATCH',
    `planMerge: the output has the format of the last input, ${name}, which is ${written}, ` +
      `but is called ${output}. Let its name end with ${ENDINGS[format]}.`,
  );
}
