// A small checkpoint of each format, in memory, to be damaged.
import { parameter, cpuBackend } from '@polyak/backend-cpu';
import { RECORD_KEY } from '@polyak/checkpoints/inspect';
import { AveragedModel, toSafetensors } from '@polyak/core';
import { exponential } from '@polyak/core/rules';
import { encodeSafetensors, formatShardIndex } from '@polyak/safetensors';
import type { HostTensor } from '@polyak/safetensors';
import { external, f32, model, modelBytes, tensor } from '../formats/onnx-models.js';
import type { Files } from '../formats/outputs.js';

/** The files of a checkpoint. */
export interface Sample {
  /** The one that readers open. */
  readonly main: string;
  readonly files: Files;
}

/** A record of a merge, as it stands in the metadata of a file. */
export const RECORD: string = JSON.stringify({
  version: '0.0.0',
  checksum: 'multilinear-96',
  method: { name: 'linear', options: { weights: [0.5, 0.5] } },
  inputs: [{ name: 'a', byteLength: 8, checksums: ['0123456789abcdef01234567'] }],
  base: { name: 'b', byteLength: 8, checksums: ['0123456789abcdef01234567'] },
  names: { rename: [{ from: 'a.*', to: '*' }], include: ['*'], exclude: ['x*'] },
  rows: ['*.embed'],
  dtype: 'float16',
  nonFinite: 'skip',
  output: '0123456789abcdef01234567',
});

const text = (content: string): Uint8Array => new TextEncoder().encode(content);
const float = (...values: readonly number[]): HostTensor => ({
  dtype: 'float32',
  shape: [values.length],
  data: Float32Array.from(values),
});
const half = { dtype: 'float16', shape: [2, 1], data: Uint16Array.of(0x3c00, 0xc000) } as const;
const integers = { dtype: 'int32', shape: [2], data: Int32Array.of(3, -4) } as const;

const safetensors: Sample = {
  main: 'm.safetensors',
  files: new Map([
    [
      'm.safetensors',
      encodeSafetensors(
        { w: float(1, 2, 3), half, integers },
        { format: 'pt', [RECORD_KEY]: RECORD },
      ),
    ],
  ]),
};

const sharded: Sample = {
  main: 'm.safetensors.index.json',
  files: new Map([
    ['1.safetensors', encodeSafetensors({ w: float(1, 2, 3) })],
    ['2.safetensors', encodeSafetensors({ half, integers }, { format: 'pt' })],
    [
      'm.safetensors.index.json',
      formatShardIndex(
        new Map([
          ['w', '1.safetensors'],
          ['half', '2.safetensors'],
          ['integers', '2.safetensors'],
        ]),
        24,
      ),
    ],
  ]),
};

const raw = tensor('w', [2], { rawData: f32(1, 2) });
const numbers = tensor('half', [2], { dataType: 10, int32Data: [0x3c00, 0xc000] });
const onnx: Sample = {
  main: 'm.onnx',
  files: new Map([
    [
      'm.onnx',
      modelBytes(
        model([raw, numbers, tensor('integers', [2], { dataType: 7, int64Data: [3n, -4n] })], {
          model: { metadataProps: [{ key: 'format', value: 'pt' }] },
        }),
      ),
    ],
  ]),
};
const beside: Sample = {
  main: 'm.onnx',
  files: new Map([
    [
      'm.onnx',
      modelBytes(
        model([
          external('w', [2], { location: 'a/d', offset: 8, length: 8 }),
          numbers,
          external('v', [2], { location: './d' }),
        ]),
      ),
    ],
    ['a/d', new Uint8Array(20)],
    ['d', f32(5, 6)],
  ]),
};

const weights = [
  { name: 'w', shape: [3], dtype: 'float32' },
  { name: 'text', shape: [2], dtype: 'string' },
  {
    name: 'half',
    shape: [2],
    dtype: 'float32',
    quantization: { dtype: 'float16', original_dtype: 'float32' },
  },
  {
    name: 'bytes',
    shape: [2],
    dtype: 'float32',
    quantization: { dtype: 'uint8', scale: 0.1, min: 0 },
  },
];
const tfjs: Sample = {
  main: 'model.json',
  files: new Map([
    [
      'model.json',
      text(
        JSON.stringify({
          format: 'layers-model',
          modelTopology: { a: [1, { b: null }] },
          weightsManifest: [
            { paths: ['1.bin', './a/2.bin'], weights },
            { paths: ['3.bin'], weights: [{ name: 'integers', shape: [], dtype: 'int32' }] },
          ],
          userDefinedMetadata: { polyak: { by: 'me' } },
        }),
      ),
    ],
    ['1.bin', f32(1, 2)],
    ['a/2.bin', Uint8Array.of(0, 0, 64, 64, 1, 0, 0, 0, 65, 0, 0, 0, 0, 0, 60, 0, 192, 7, 9)],
    ['3.bin', Uint8Array.of(3, 0, 0, 0)],
  ]),
};

const backend = cpuBackend();
const averaged = new AveragedModel([parameter('w', float(1, 2, 3)), parameter('$b', float(5))], {
  averages: { swa: exponential(0.9), ema: exponential(0.5) },
  backend,
});
await averaged.update();
const polyak: Sample = {
  main: 's.safetensors',
  files: new Map([['s.safetensors', toSafetensors(await averaged.stateDict())]]),
};

/** Models of ONNX. */
export const ONNX: readonly Sample[] = [onnx, beside];
/** Models of TensorFlow.js. */
export const TFJS: readonly Sample[] = [tfjs];
/** All formats. */
export const SAMPLES: readonly Sample[] = [safetensors, sharded, onnx, beside, tfjs, polyak];
