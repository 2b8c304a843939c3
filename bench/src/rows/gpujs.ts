// The rows of the gpu.js backend, whose users have typed arrays, and textures on headlessgl: in
// each mode that runs here, headlessgl where `gl` is built and there is an X display (`xvfb-run -a
// npx -y pnpm@12 bench`).
import { gpujsBackend, gpujsParameter } from '@polyak/backend-gpujs';
import type { GpujsMode, GpujsTensor } from '@polyak/backend-gpujs';
import gpujs from 'gpu.js';
import type { IKernelRunShortcut, KernelFunction, Texture } from 'gpu.js';
import type { Row } from '../row.js';
import { WEIGHT } from './shared/arrays.js';
import { CPU_BACKEND } from './shared/cpu-backend.js';
import { limited } from './shared/limits.js';
import type { Limit } from './shared/limits.js';
import type { Live, Mode, Operation } from './shared/mode.js';
import { averageWork, LOOP, otherRows, rowOf, updateRows } from './shared/rows.js';
import type { Yardstick } from './shared/rows.js';
import { inOne } from './shared/sizes.js';

const MILLION = 1_000_000;

const { GPU } = gpujs;

const LIMITS: readonly Limit[] = ['cpu', 'webasm'].flatMap((mode) => [
  { name: `gpujs ${mode}, average`, against: 'cpu:wasm average', target: 1.5, gate: 2.5 },
  { name: `gpujs ${mode}, average`, against: 'plain loop', gate: 1 },
  { name: `gpujs ${mode}, SWA.swapSwaSgd twice`, target: 2.2, gate: 3.2 },
]);

/** The rows of gpu.js in every mode that runs here. */
export function gpujsRows(): readonly Row[] {
  const hosts = (['cpu', 'webasm'] as const).flatMap((name) => {
    const { mode, ownKernel } = gpujsMode(name);
    return [
      ...updateRows(mode, [ownKernel], 10 * MILLION),
      rowOf(mode, averageWork(), LOOP, inOne(10 * MILLION)),
      rowOf(mode, averageWork(), CPU_BACKEND, inOne(10 * MILLION)),
      ...otherRows(mode, 10 * MILLION),
    ];
  });
  const devices = GPU.isHeadlessGLSupported ? [gpujsMode('headlessgl')] : [];
  const onTextures = devices.flatMap(({ mode, ownKernel }) => [
    ...updateRows(mode, [ownKernel], MILLION),
    ...otherRows(mode, MILLION),
  ]);
  return limited([...hosts, ...onTextures], LIMITS);
}

/** A mode, and an update by a kernel that a user would write for it. */
interface GpujsRows {
  readonly mode: Mode<GpujsTensor>;
  readonly ownKernel: Yardstick<GpujsTensor>;
}

/** gpu.js in one of its modes. */
export function gpujsMode(name: GpujsMode): GpujsRows {
  const hasTextures = name === 'headlessgl';
  let gpu = new GPU({ mode: 'cpu' });
  const kernel = (source: string, length: number): IKernelRunShortcut =>
    gpu.createKernel(source as unknown as KernelFunction, {
      output: [length],
      precision: 'single',
      ...(hasTextures && { pipeline: true, immutable: true }),
    });
  // WebGL only queues what it is told, and the updates of a backend wait for their result.
  const finish = (): void => {
    if (hasTextures) (gpu.context as WebGLRenderingContext).finish();
  };
  return {
    mode: {
      name: `gpujs ${name}`,
      async open() {
        gpu = new GPU({ mode: name });
        const backend = await gpujsBackend(gpu);
        return {
          backend,
          live: (arrays) => (hasTextures ? texturesOf(arrays, kernel) : arraysOf(arrays)),
          async release() {
            await backend.release();
            await gpu.destroy();
          },
        };
      },
    },
    ownKernel: {
      name: 'own kernel',
      isPeer: true,
      of: ({ live }) => ownUpdates(live, kernel, finish),
    },
  };
}

type KernelOf = (source: string, length: number) => IKernelRunShortcut;

const COPY = 'function (x) { return x[this.thread.x]; }';
const UPDATE = `function (a, p) {
  return a[this.thread.x] + (p[this.thread.x] - a[this.thread.x]) * ${WEIGHT};
}`;

function arraysOf(arrays: readonly Float32Array[]): Live<GpujsTensor> {
  return {
    parameters: arrays.map((array, index) => gpujsParameter(`weight${index}`, array)),
    refresh: () => {}, // the arrays themselves are the live weights
    dispose: () => {},
  };
}

function texturesOf(arrays: readonly Float32Array[], kernel: KernelOf): Live<GpujsTensor> {
  const uploads = arrays.map((array) => kernel(COPY, array.length));
  const upload = (index: number): Texture => uploads[index]?.(arrays[index]) as Texture;
  const parameters = arrays.map((_, index) => gpujsParameter(`weight${index}`, upload(index)));
  return {
    parameters,
    refresh: () => parameters.forEach((parameter, index) => parameter.replace(upload(index))),
    dispose: () => parameters.forEach((parameter) => (parameter.data() as Texture).delete()),
  };
}

/** A kernel for each length, since a kernel has one output size. */
function ownUpdates(
  { parameters }: Live<GpujsTensor>,
  kernel: KernelOf,
  finish: () => void,
): Operation {
  const kernels = new Map<number, IKernelRunShortcut>();
  const pairs = parameters.map((parameter) => {
    const live = parameter.get().data as Float32Array | Texture;
    const [length = 0] = parameter.get().shape;
    const update = kernels.get(length) ?? kernel(UPDATE, length);
    kernels.set(length, update);
    return { average: kernel(COPY, length)(live) as typeof live, live, update };
  });
  return () => {
    for (const pair of pairs) {
      const { average, live, update } = pair;
      pair.average = update(average, live) as typeof live;
      if ('delete' in average) average.delete();
    }
    finish();
  };
}
