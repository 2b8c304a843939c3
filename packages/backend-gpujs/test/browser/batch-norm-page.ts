// What the tests of batch norm run in the browser, minified.
import gpujs from 'gpu.js';
import type { GPU as Gpu } from 'gpu.js';
import {
  inferenceErrors,
  leftBehind,
  momentsErrors,
  trainingErrors,
} from '../network/batch-norm-cases.js';
import type { Geometry } from '../network/batch-norm-reference.js';

let gpu: Gpu;

const api = {
  start: (mode: 'webgl2' | 'webgpu') => {
    gpu = new gpujs.GPU({ mode });
  },
  moments: async (geometry: Geometry) => momentsErrors(gpu, geometry),
  inference: async (geometry: Geometry) => inferenceErrors(gpu, geometry),
  training: async (geometry: Geometry) => trainingErrors(gpu, geometry),
  leftBehind: async () => leftBehind(gpu),
};

/** The functions that the page offers. */
export type BatchNormPageApi = typeof api;

Object.assign(globalThis, { polyak: api });
