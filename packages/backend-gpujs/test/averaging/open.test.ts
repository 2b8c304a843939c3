// What the backend runs on, what it says where that is not what was asked for, and where it is
// gone.
import { gpujsBackend, gpujsTensor } from '@polyak/backend-gpujs';
import type { GpujsMode, GpujsTensor } from '@polyak/backend-gpujs';
import { describe, expect, it, vi } from 'vitest';
import { countTextures } from '../count-textures.js';
import { moved } from '../updates.js';
import { describeModes } from '../../../../tests/support/gpujs/describe-modes.js';
import {
  GPU,
  isSkipped,
  MODES,
  reasonOf,
  TEXTURE_MODES,
} from '../../../../tests/support/gpujs/modes.js';

const message = (text: string | RegExp): unknown =>
  typeof text === 'string' ? expect.stringContaining(text) : expect.stringMatching(text);

const filled = (value: number): readonly GpujsTensor[] => [
  gpujsTensor(new Float32Array(5).fill(value)),
];

it.each(MODES.filter((mode) => !isSkipped(mode)))(
  'runs on %s where it is required, or can be had',
  (mode) => {
    expect(reasonOf(mode)).toBeUndefined();
  },
);

describe('a mode that does not run', () => {
  /** gpu.js, where `gl` was not built. */
  function WithoutGl({ mode }: { mode: string }): never {
    throw new Error(`A requested mode of "${mode}" and is not supported`);
  }

  it('is refused with the command that builds it', async () => {
    const opened = gpujsBackend({ GPU: WithoutGl as unknown as typeof GPU, mode: 'headlessgl' });
    await expect(opened).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: message(/headlessgl does not run here.*npm rebuild gl.*run build:gl.*xvfb-run/u),
    });
  });

  it('is refused in Node where only a browser has it', async () => {
    await expect(gpujsBackend({ GPU, mode: 'webgl2' })).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
    });
  });

  it('is refused where nobody knows it', async () => {
    await expect(gpujsBackend({ GPU, mode: 'cuda' as GpujsMode })).rejects.toThrow(RangeError);
    await expect(gpujsBackend(new GPU({ mode: 'dev' }))).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
    });
  });
});

it.each([undefined, null, {}, { mode: 'webasm' }])('refuses %o, which is no GPU', async (gpu) => {
  const opened = gpujsBackend(gpu as never);
  await expect(opened).rejects.toThrow(TypeError);
  await expect(opened).rejects.toThrow('neither a GPU instance nor { GPU, mode }');
});

describe('gpu.js that falls back silently', () => {
  it('is named after what really runs, where the mode was left to it', async () => {
    const backend = await gpujsBackend(new GPU());
    expect(backend.name).toBe(
      reasonOf('headlessgl') === undefined ? 'gpujs:headlessgl' : 'gpujs:webasm',
    );
    await backend.release();
  });

  it('is refused where it went on in another mode than the one that was asked for', async () => {
    const gpu = new GPU({ mode: 'cpu' });
    gpu.mode = 'webasm';
    await expect(gpujsBackend(gpu)).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: message('gpu.js runs cpu instead'),
    });
  });
});

describeModes(TEXTURE_MODES, (mode) => {
  it('is refused later too, with its reason, and the averages stay as they were', async () => {
    const gpu = new GPU({ mode });
    const backend = await gpujsBackend(gpu);
    const averages = await backend.clone(filled(1));
    const create = gpu.createKernel.bind(gpu);
    gpu.createKernel = ((source: string, settings: object) => {
      const call = create(source, settings);
      call.kernel.fallbackReason = 'out of pages';
      return call;
    }) as typeof gpu.createKernel;
    await expect(moved(backend, averages, filled(3), 0.5)).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: message('out of pages'),
    });
    gpu.createKernel = create;
    const next = await moved(backend, averages, filled(3), 0.5);
    expect((await backend.download(next))[0]?.data).toEqual(new Float32Array(5).fill(2));
  });

  it.each([
    ['does not compute in float32', '* w;', '* w * 1.001;'],
    ['loses NaN or infinities', 'next[i] * zero', '0'],
  ])('is refused where the device %s', async (flaw, right, wrong) => {
    const gpu = new GPU({ mode });
    const create = gpu.createKernel.bind(gpu) as (source: string, settings: object) => unknown;
    gpu.createKernel = ((source: string, settings: object) =>
      create(source.replace(right, wrong), settings)) as typeof gpu.createKernel;
    await expect(gpujsBackend(gpu)).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: message(`it ${flaw}`),
    });
    await gpu.destroy();
  });

  it('says so where its GPU was destroyed', async () => {
    const gpu = new GPU({ mode });
    const backend = await gpujsBackend(gpu);
    const averages = await moved(backend, await backend.clone(filled(1)), filled(3), 0.5);
    await gpu.destroy();
    const gone = { code: 'ERR_DISPOSED', message: message('the GPU was destroyed') };
    await expect(moved(backend, averages, filled(3), 0.5)).rejects.toMatchObject(gone);
    await expect(async () => backend.download(averages)).rejects.toMatchObject(gone);
    await expect(async () => backend.allFinite(filled(3))).rejects.toMatchObject(gone);
    expect(() => backend.upload([])).toThrow('the GPU was destroyed');
    backend.dispose(averages);
    await backend.release();
  });
});

describeModes(MODES, (mode) => {
  it('leaves the GPU that it was given to its owner, and destroys its own', async () => {
    const gpu = new GPU({ mode });
    const [first, second] = [await gpujsBackend(gpu), await gpujsBackend(gpu)];
    await first.release();
    await first.release();
    const next = await moved(second, await second.clone(filled(1)), filled(3), 0.5);
    expect((await second.download(next))[0]?.data).toEqual(new Float32Array(5).fill(2));
    second.dispose(next);
    await second.release();
    // On cpu gpu.js keeps kernels that were destroyed.
    const { kernels } = gpu as unknown as { readonly kernels: readonly unknown[] };
    expect(mode === 'cpu' || kernels.length === 0).toBe(true);
    await gpu.destroy();

    const destroy = vi.spyOn(GPU.prototype, 'destroy');
    await (await gpujsBackend({ GPU, mode })).release();
    expect(destroy).toHaveBeenCalledOnce();
    destroy.mockRestore();
  });
});

describe.skipIf(isSkipped('headlessgl'))('a device of headlessgl that fails', () => {
  it('is noticed where gpu.js does not ask it, and the averages are as they were', async () => {
    const gpu = new GPU({ mode: 'headlessgl' });
    const backend = await gpujsBackend(gpu);
    const averages = await moved(backend, await backend.clone(filled(1)), filled(3), 0.5);
    const count = countTextures(gpu);
    const gl = gpu.context as WebGLRenderingContext;
    const draw = gl.drawArrays.bind(gl);
    gl.drawArrays = (...args) => {
      draw(...args);
      draw(-1, 0, 4); // leaves an error, as memory that runs out does
    };
    await expect(moved(backend, averages, filled(3), 0.5)).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: message("WebGL's error 0x500"),
    });
    gl.drawArrays = draw;
    expect(backend.memory()).toMatchObject({ tensors: 1 });
    // What the kernel that failed had begun to make is its own, for its next result.
    expect(count()).toBeLessThanOrEqual(1);
    expect((await backend.download(averages))[0]?.data).toEqual(new Float32Array(5).fill(2));
    backend.dispose(averages);
    await gpu.destroy();
  });
});

describe.skipIf(isSkipped('webgpu'))('a lost device', () => {
  it('is named, and what lay there is not averaged', async () => {
    const gpu = new GPU({ mode: 'webgpu' });
    const backend = await gpujsBackend(gpu);
    const averages = await moved(backend, await backend.clone(filled(1)), filled(3), 0.5);
    const [kernel] = (
      gpu as unknown as {
        readonly kernels: readonly { readonly context: { readonly device: GPUDevice } }[];
      }
    ).kernels;
    const device = kernel?.context.device;
    device?.destroy();
    await device?.lost;
    await expect(moved(backend, averages, filled(3), 0.5)).rejects.toMatchObject({
      code: 'ERR_DISPOSED',
      message: message('its device was lost'),
    });
    // gpu.js takes a new one for the next instance.
    const other = await gpujsBackend({ GPU, mode: 'webgpu' });
    const next = await moved(other, await other.clone(filled(1)), filled(3), 0.5);
    expect((await other.download(next))[0]?.data).toEqual(new Float32Array(5).fill(2));
    other.dispose(next);
    await other.release();
  });
});
