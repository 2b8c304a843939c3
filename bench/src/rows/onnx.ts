// The rows of the ONNX Runtime backend, whose users have ort.Tensors: on cpu, and on webgpu where
// there is an adapter. What users would write on cpu is the plain loop over `tensor.data`.
import { existsSync } from 'node:fs';
import process from 'node:process';
import { onnxBackend, onnxParameter } from '@polyak/backend-onnx';
import * as ort from 'onnxruntime-node';
import type { Row } from '../row.js';
import { tensorOf } from './shared/arrays.js';
import { CPU_BACKEND } from './shared/cpu-backend.js';
import { limited } from './shared/limits.js';
import type { Limit } from './shared/limits.js';
import type { Mode } from './shared/mode.js';
import { averageWork, LOOP, otherRows, rowOf, SET, updateRows, updateWork } from './shared/rows.js';
import { inMany, inOne } from './shared/sizes.js';
import { average } from './shared/updating.js';

const MILLION = 1_000_000;

const LIMITS: readonly Limit[] = [
  { name: 'onnx cpu, average', against: 'cpu:wasm average', target: 1.5, gate: 2.5 },
  { name: 'onnx cpu, average', against: 'plain loop', gate: 1 },
];

/** The rows of ONNX Runtime on each provider that runs here. */
export function onnxRows(): readonly Row[] {
  const cpu = onnxCpuMode();
  const compensated = {
    ...averageWork<ort.Tensor>(),
    call: 'average, compensated',
    of: average<ort.Tensor>({ isCompensated: true }),
  };
  const rows = [
    ...updateRows(cpu, []),
    rowOf(cpu, averageWork(), LOOP, inOne(10 * MILLION)),
    rowOf(cpu, averageWork(), LOOP, inOne(100 * MILLION)),
    rowOf(cpu, averageWork(), CPU_BACKEND, inOne(10 * MILLION)),
    rowOf(cpu, compensated, SET, inOne(10 * MILLION)),
    ...otherRows(cpu, 10 * MILLION),
    ...(HAS_WEBGPU ? webGpuRows() : []),
  ];
  return limited(rows, LIMITS);
}

/** ONNX Runtime on cpu. */
export function onnxCpuMode(): Mode<ort.Tensor> {
  return {
    name: 'onnx cpu',
    async open() {
      const backend = await onnxBackend(ort);
      return {
        backend,
        live: (arrays) => ({
          parameters: arrays.map((data, index) =>
            onnxParameter(`weight${index}`, new ort.Tensor('float32', data, [data.length])),
          ),
          refresh: () => {}, // a tensor shares the array that it is made of
          dispose: () => {},
        }),
        release: () => backend.release(),
      };
    },
  };
}

const SWIFTSHADER = '/usr/lib/chromium/vk_swiftshader_icd.json';
// Vulkan's loader reads it when the first session is made.
if (existsSync(SWIFTSHADER)) process.env['VK_ICD_FILENAMES'] ??= SWIFTSHADER;
const HAS_WEBGPU = await onnxBackend(ort, { executionProviders: ['webgpu'] }).then(
  async (backend) => {
    await backend.release();
    return true;
  },
  () => false,
);

/** On a software adapter, which counts as CPU time, these take long. */
function webGpuRows(): readonly Row[] {
  const mode: Mode<ort.Tensor> = {
    name: 'onnx webgpu',
    async open() {
      const backend = await onnxBackend(ort, { executionProviders: ['webgpu'] });
      return {
        backend,
        async live(arrays) {
          const uploaded = await backend.upload(arrays.map(tensorOf));
          const parameters = uploaded.map((tensor, index) =>
            onnxParameter(`weight${index}`, tensor),
          );
          return {
            parameters,
            async refresh() {
              const next = await backend.upload(arrays.map(tensorOf));
              await backend.dispose(await backend.swap(parameters, next));
              await backend.dispose(next);
            },
            dispose: () => backend.dispose(parameters.map((each) => each.get())),
          };
        },
        release: () => backend.release(),
      };
    },
  };
  return [inOne(100_000), inMany(100_000), inOne(MILLION)].flatMap((size) => [
    rowOf(mode, updateWork(), SET, size),
    rowOf(mode, averageWork(), SET, size),
  ]);
}
