// TensorFlow.js, in a page or a worker; its backend is the argument.
import * as tf from '@tensorflow/tfjs';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import '@tensorflow/tfjs-backend-webgpu';
import { averagingError } from '../programs/tfjs-training.js';

async function run(backend: string): Promise<number> {
  setWasmPaths('/wasm/');
  const isSet = await tf.setBackend(backend);
  if (!isSet) throw new Error(`tf.setBackend('${backend}') failed`);
  return averagingError(tf);
}

Object.assign(globalThis, { polyak: run });
