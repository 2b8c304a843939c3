// Kernels over flat arrays, in each mode.
import { flatKernel, freeArrays, hostArray, lengthOf } from '@polyak/backend-gpujs';
import { afterAll, describe, expect, it } from 'vitest';
import { describeModes } from '../../../../tests/support/gpujs/describe-modes.js';
import { GPU, MODES } from '../../../../tests/support/gpujs/modes.js';

describeModes(MODES, (_mode, bench) => {
  it.each([[[24]], [[4, 6]], [[2, 3, 4]], [[5, 1]], [[1, 5]], [[7, 3, 1]]])(
    'gives the elements of %o threads in the order of memory',
    async (output) => {
      const [width = 1, height = 1] = output;
      const terms = [
        'this.thread.x',
        'this.constants.width * this.thread.y',
        'this.constants.width * this.constants.height * this.thread.z',
      ];
      const source = `function () { return ${terms.slice(0, output.length).join(' + ')}; }`;
      const constants = { width, height };
      const count = flatKernel(bench.gpu, source, { output, constants });
      const length = output.reduce((product, extent) => product * extent, 1);
      expect(await count.read()).toEqual(Float32Array.from({ length }, (_, n) => n));
      const held = await count.run();
      expect(lengthOf(held)).toBe(length);
      expect(await hostArray(held)).toHaveLength(length);
      freeArrays(held);
      count.dispose();
    },
  );

  it('takes arrays and textures of any length in turn, each by a kernel of its own', async () => {
    const ends = flatKernel(bench.gpu, 'function (a, at) { return a[0] + a[at]; }', {
      output: [1],
    });
    const made = flatKernel(bench.gpu, 'function () { return this.thread.x + 1; }', {
      output: [9],
    });
    for (let round = 0; round < 2; round += 1) {
      expect(await ends.read(Float32Array.of(1, 2, 3), 2)).toEqual(Float32Array.of(4));
      expect(await ends.read(Float32Array.of(1, 2, 3, 4, 5), 4)).toEqual(Float32Array.of(6));
      const nine = await made.run();
      expect(await ends.read(nine, 8)).toEqual(Float32Array.of(10));
      freeArrays(nine);
    }
    ends.dispose();
    made.dispose();
  });

  it('reads beyond 2^24 elements', { timeout: 120_000 }, async () => {
    const length = 2 ** 24 + 5;
    const data = new Float32Array(length);
    for (let n = 2 ** 24 - 5; n < length; n += 1) data[n] = n - 2 ** 24;
    const source = `function (a) {
        return a[this.thread.y * this.constants.half + this.thread.x + this.constants.start];
      }`;
    const constants = { half: 2 ** 23, start: 0 };
    const last = flatKernel(bench.gpu, source, { output: [5, 3], constants });
    expect((await last.read(data)).subarray(10)).toEqual(Float32Array.of(0, 1, 2, 3, 4));
    last.dispose();
  });

  it('adds up 10,000 terms in a loop that ends at a constant', async () => {
    const source = `function (a) {
        let sum = 0;
        for (let n = 0; n < this.constants.count; n++) { sum += a[n]; }
        return sum;
      }`;
    const sum = flatKernel(bench.gpu, source, { output: [1], constants: { count: 10_000 } });
    expect(await sum.read(new Float32Array(10_000).fill(1))).toEqual(Float32Array.of(10_000));
    sum.dispose();
  });

  it('says which kernel gpu.js cannot run, and runs others after it', async () => {
    const kernel = flatKernel(bench.gpu, 'function () { return nothing[this.thread.x]; }', {
      name: 'conv7',
      output: [2],
    });
    await expect(kernel.run()).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' });
    await expect(kernel.run()).rejects.toThrow(
      'conv7: gpu.js cannot run this kernel of [2] threads: ',
    );
    const other = flatKernel(bench.gpu, 'function () { return 1; }', { output: [2] });
    expect(await other.read()).toEqual(Float32Array.of(1, 1));
  });

  it('refuses a texture that was deleted', async () => {
    const source = 'function (a) { return a[this.thread.x]; }';
    const kernel = flatKernel(bench.gpu, source, { name: 'conv7', output: [2] });
    const result = await kernel.run(Float32Array.of(1, 2));
    freeArrays(result, result);
    const again = await kernel.run(result).catch((error: unknown) => error);
    // An array is not freed.
    const expected: unknown = result instanceof Float32Array ? result : { code: 'ERR_DISPOSED' };
    expect(again).toMatchObject(expected as object);
    kernel.dispose();
  });
});

describe('flatKernel', () => {
  const gpu = new GPU({ mode: 'webasm' });
  afterAll(async () => gpu.destroy());

  it('gives the same with workers as without', async () => {
    const source = 'function (a) { return Math.sqrt(a[this.thread.x]) * 3; }';
    const data = Float32Array.from({ length: 10_000 }, (_, n) => n);
    const [alone, shared] = [1, 2].map((workers) =>
      flatKernel(gpu, source, { output: [10_000], workers }),
    );
    expect(await shared?.run(data)).toEqual(await alone?.run(data));
    alone?.dispose();
    shared?.dispose();
  });

  it('refuses an output without threads', () => {
    expect(() =>
      flatKernel(gpu, 'function () { return 1; }', { name: 'conv7', output: [0, 3] }),
    ).toThrow('conv7: the output is [0, 3], expected at least one thread.');
  });

  it('refuses a fall back to another mode', async () => {
    const kernel = flatKernel(gpu, 'function (a) { return a[this.thread.x]; }', {
      name: 'conv7',
      output: [2],
    });
    // What webasm cannot take, it leaves to the cpu.
    const foreign = {
      type: 'ArrayTexture(1)',
      output: [2],
      toArray: () => [1, 2],
      delete: () => undefined,
    };
    await expect(kernel.run(foreign as never)).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' });
  });
});
