// What runs in the browser: what the backends declare there.
import { gpujsBackend } from '@polyak/backend-gpujs';
import { tfjsBackend } from '@polyak/backend-tfjs';
import type { Backend } from '@polyak/core/interfaces';
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-webgpu';
import gpujs from 'gpu.js';

type Declarations = Pick<Backend<never>, 'dtypes' | 'isSynchronous' | 'canCompensate'> & {
  readonly cast?: string;
  readonly hostViews?: string;
};

/** A backend's declarations as data; its functions as words. */
function plain<T>(backend: Backend<T>): Declarations {
  const { dtypes, isSynchronous, canCompensate, cast, hostViews } = backend;
  return {
    dtypes,
    isSynchronous,
    canCompensate,
    ...(cast === undefined ? {} : { cast: 'is there' }),
    ...(hostViews === undefined ? {} : { hostViews: 'is there' }),
  };
}

async function declarations(): Promise<Readonly<Record<string, Declarations>>> {
  const found: Record<string, Declarations> = {};
  for (const name of ['webgl', 'webgpu']) {
    if (!(await tf.setBackend(name))) throw new Error(`tfjs has no ${name} here`);
    const backend = tfjsBackend(tf);
    found[backend.name] = plain(backend);
  }
  const backend = await gpujsBackend({ GPU: gpujs.GPU, mode: 'webgl2' });
  found[backend.name] = plain(backend);
  return found;
}

const api = { declarations };

/** The functions that the page offers. */
export type PageApi = typeof api;

Object.assign(globalThis, { polyak: api });
