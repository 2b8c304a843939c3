// TensorFlow.js in a browser, on the backend that the visitor chose.
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
import wasmUrl from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url';
import simdUrl from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url';
import type { BackendName } from '../view.js';

/**
 * Makes TensorFlow.js compute on a backend, which is downloaded when it is first chosen.
 *
 * @throws Error where the browser does not have it
 */
export async function useBackend(name: BackendName): Promise<void> {
  await load(name);
  if (await tf.setBackend(name)) return;
  throw new Error(`This browser cannot run ${name}. Choose another backend.`);
}

async function load(name: BackendName): Promise<void> {
  if (name === 'webgl') {
    await import('@tensorflow/tfjs-backend-webgl');
    // Packed, tfjs 4.22 gets the gradient of tanh wrong from the second step on.
    tf.env().set('WEBGL_PACK_UNARY_OPERATIONS', false);
  } else if (name === 'webgpu') await import('@tensorflow/tfjs-backend-webgpu');
  else {
    const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
    if (tf.getBackend() === 'wasm') return; // its paths are fixed by then
    setWasmPaths({
      'tfjs-backend-wasm.wasm': wasmUrl,
      'tfjs-backend-wasm-simd.wasm': simdUrl,
      'tfjs-backend-wasm-threaded-simd.wasm': simdUrl,
    });
  }
}
