// What a model's kernels read while the averages are in it: no kernel goes on with the live weights
// without an error.
import { flatKernel, gpujsParameter, gpujsTensor, layerParameter } from '@polyak/backend-gpujs';
import type { KernelArgument } from '@polyak/backend-gpujs';
import { AveragedModel, observedOptimizer, SWA } from '@polyak/core';
import type { Texture } from 'gpu.js';
import gpujs from 'gpu.js';
import { expect, it } from 'vitest';
import { describeModes } from '../../../tests/support/gpujs/describe-modes.js';
import type { Bench } from '../../../tests/support/gpujs/describe-modes.js';
import { MODES, TEXTURE_MODES } from '../../../tests/support/gpujs/modes.js';
import { textureOf } from './textures.js';

type Call = (weights?: unknown) => Promise<readonly number[]>;

/** A kernel of the model, which gives ten times the weights. */
function kernelOf({ gpu }: Bench, weights: string, settings: object): Call {
  const kernel = gpu.createKernel(`function (w) { return ${weights} * 10; }`, {
    precision: 'single',
    ...settings,
  });
  return async (argument) => {
    const result: unknown = await kernel(argument as never);
    return result instanceof Float32Array
      ? [...result]
      : (result as readonly Float32Array[]).flatMap((row) => [...row]);
  };
}

/** gpu.js's typings lack float arrays. */
const inputOf = (array: Float32Array, size: number[]): object =>
  new gpujs.Input(array as never, size as never);

const VECTOR = 'w[this.thread.x]';
const MATRIX = 'w[this.thread.y][this.thread.x]';
const output = [4];
const square = { output: [2, 2] };

describeModes(MODES, (_, bench) => {
  it('lets kernels that read the array see the averages, however they read it', async () => {
    const weights = new Float32Array(4);
    const rows = [weights.subarray(0, 2), weights.subarray(2)];
    const readers: readonly (readonly [Call, unknown])[] = [
      [kernelOf(bench, VECTOR, { output }), weights],
      [kernelOf(bench, MATRIX, square), rows],
      [kernelOf(bench, MATRIX, square), inputOf(weights, [2, 2])],
    ];
    const read = async (): Promise<readonly (readonly number[])[]> =>
      Promise.all(readers.map(async ([call, argument]) => call(argument)));
    const optimizer = observedOptimizer([{ params: [gpujsParameter('w', weights)], lr: 0.1 }]);
    const swa = new SWA(optimizer, { backend: bench.backend, swaStart: 0, swaFreq: 1 });
    for (const step of [1, 2, 6]) {
      weights.set([step, 2 * step, 3 * step, 4 * step]);
      await read();
      await swa.step();
    }
    await swa.swapSwaSgd();
    expect(await read()).toEqual(readers.map(() => [30, 60, 90, 120]));
    await swa.swapSwaSgd();
    expect(await read()).toEqual(readers.map(() => [60, 120, 180, 240]));
  });
});

/** A kernel of the model with the weights as a constant. */
function constantKernel({ gpu }: Bench, table: object): Call {
  const place = Array.isArray(table) ? 'table[0]' : 'table';
  const kernel = gpu.createKernel(
    `function () { return this.constants.${place}[this.thread.x]; }`,
    { output: [2], precision: 'single', constants: { table: table as never } },
  );
  return async () => [...((await kernel()) as Float32Array)];
}

describeModes(['webasm', 'headlessgl', 'webgpu'], (_, bench) => {
  it.each<[string, (array: Float32Array) => object]>([
    ['themselves', (array) => array],
    ['in rows', (array) => [array.subarray(0, 2), array.subarray(2)]],
    ['in an input', (array) => inputOf(array, [4])],
  ])('refuses weights that are a constant of a kernel, %s', async (_how, tableOf) => {
    const weights = Float32Array.of(1, 2, 3, 4);
    await constantKernel(bench, tableOf(weights))();
    const average = new AveragedModel([gpujsParameter('w', weights)], { backend: bench.backend });
    await expect(average.update()).rejects.toMatchObject({
      code: 'ERR_PARAMETERS',
      message: expect.stringContaining('is also the constant "table" of a kernel') as string,
    });
  });
});

describeModes(['cpu'], (_, bench) => {
  it('takes weights that are a constant of a kernel, which is read at each call', async () => {
    const weights = Float32Array.of(1, 2);
    const call = constantKernel(bench, weights);
    const average = new AveragedModel([gpujsParameter('w', weights)], { backend: bench.backend });
    await average.update();
    expect(await call()).toEqual([1, 2]);
    weights.set([3, 6]);
    await average.update();
    await average.swap();
    expect(await call()).toEqual([2, 4]);
  });
});

describeModes(MODES, (_, bench) => {
  it('takes other constants of any kind', async () => {
    const weights = Float32Array.of(1, 2);
    const other = new Float32Array(weights.buffer.slice(0));
    const constants = { other, numbers: [[1, 2]], scale: 2 };
    const kernel = bench.gpu.createKernel(
      `function () {
        return this.constants.other[this.thread.x] + this.constants.numbers[0][this.thread.x];
      }`,
      { output: [2], precision: 'single', constants },
    );
    await kernel();
    const average = new AveragedModel([gpujsParameter('w', weights)], { backend: bench.backend });
    await average.update();
    expect(await average.withAveraged(() => [...weights])).toEqual([1, 2]);
  });

  it('makes one place of two parameters over one array', async () => {
    const weights = Float32Array.of(1, 2);
    const [a, b] = ['a', 'b'].map(
      () => new AveragedModel([gpujsParameter('w', weights)], { backend: bench.backend }),
    );
    await a?.update();
    await a?.swap();
    await expect(b?.update()).rejects.toMatchObject({ code: 'ERR_SWAPPED' });
    await a?.swap();
    await b?.update();
  });

  it('refuses data of another length than its shape, rather than to set a part', () => {
    const weights = Float32Array.of(1, 2, 3, 4);
    for (const parameter of [gpujsParameter('w', weights), layerParameter('w', [4], weights)]) {
      const before = Float32Array.from(parameter.data() as Float32Array);
      for (const wrong of [new Float32Array(3), new Float32Array(5)]) {
        const refused = 'elements, expected float32[4]';
        expect(() => parameter.set(gpujsTensor(wrong, [4]))).toThrow(refused);
        expect(() => parameter.replace(wrong)).toThrow(refused);
      }
      expect(parameter.data()).toEqual(before);
      parameter.replace(Float32Array.of(5, 6, 7, 8));
      expect(parameter.data()).toEqual(Float32Array.of(5, 6, 7, 8));
    }
    expect(weights).toEqual(Float32Array.of(5, 6, 7, 8));
  });

  it('refuses nested weights and inputs, and says what kernels read', () => {
    const rows = [Float32Array.of(1, 2), Float32Array.of(3, 4)];
    expect(() => gpujsParameter('w', rows as never)).toThrow('Of nested rows, make a parameter of');
    const input = inputOf(Float32Array.of(1, 2), [2]);
    expect(() => gpujsParameter('w', input as never)).toThrow('of input(…), of its value');
  });

  it('keeps the array of a layer that holds one, for kernels that have it already', async () => {
    const initial = Float32Array.of(1, 2);
    const weight = layerParameter('w', [2], initial);
    const data = weight.data();
    const average = new AveragedModel([weight], { backend: bench.backend });
    await average.update();
    weight.replace(Float32Array.of(3, 6));
    await average.update();
    await average.withAveraged(() => {
      expect(data).toEqual(Float32Array.of(2, 4));
      expect(weight.data()).toBe(data);
    });
    expect(data).toEqual(Float32Array.of(3, 6));
    expect(initial).toEqual(Float32Array.of(1, 2));
  });
});

describeModes(TEXTURE_MODES, (_, bench) => {
  const texture = async (...values: readonly number[]): Promise<Texture> =>
    textureOf(bench.gpu, Float32Array.from(values), [values.length]);

  /** Every kernel, called before or not, refuses a handle. */
  async function expectRefused(call: Call, handle: unknown): Promise<void> {
    for (const each of [call, kernelOf(bench, VECTOR, { output: [2] })]) {
      await expect(each(handle)).rejects.toThrow(/deleted/u);
    }
    const flat = flatKernel(bench.gpu, `function (w) { return ${VECTOR}; }`, { output: [2] });
    await expect(flat.run(handle as KernelArgument)).rejects.toMatchObject({
      code: 'ERR_DISPOSED',
    });
    flat.dispose();
  }

  it('lets no kernel go on with a texture that was taken over or exchanged', async () => {
    const call = kernelOf(bench, VECTOR, { output: [2] });
    const given = await texture(1, 2);
    expect(await call(given)).toEqual([10, 20]);
    for (const parameter of [
      gpujsParameter('w', given.clone()),
      layerParameter('w', [2], given.clone()),
    ]) {
      const average = new AveragedModel([parameter], { backend: bench.backend });
      const first = parameter.data();
      expect(await call(first)).toEqual([10, 20]);
      await average.update();

      const step = await texture(3, 6);
      parameter.replace(step);
      await expectRefused(call, step);
      await expectRefused(call, first);
      const live = parameter.data();
      expect(await call(live)).toEqual([30, 60]);
      await average.update();

      let shown: unknown;
      await average.withAveraged(async () => {
        await expectRefused(call, live);
        shown = parameter.data();
        expect(await call(shown)).toEqual([20, 40]);
      });
      await expectRefused(call, shown);
      expect(await call(parameter.data())).toEqual([30, 60]);
      parameter.replace(parameter.data());
      expect(await call(parameter.data())).toEqual([30, 60]);
      await average.dispose();
    }
    gpujsParameter('w', given);
    await expectRefused(call, given);
  });

  it('refuses a texture that another parameter has taken over', async () => {
    const given = await texture(1, 2);
    gpujsParameter('a', given);
    const refused = expect.objectContaining({ code: 'ERR_DISPOSED' }) as Error;
    expect(() => gpujsParameter('b', given)).toThrow(refused);
    expect(() => layerParameter('b', [2], given)).toThrow(refused);
    expect(() => gpujsParameter('b', Float32Array.of(1, 2)).replace(given)).toThrow(TypeError);
  });

  it('refuses a texture that its kernel overwrites, and leaves the kernel whole', async () => {
    const kernel = bench.gpu.createKernel('function (a) { return a[this.thread.x]; }', {
      output: [2],
      precision: 'single',
      pipeline: true,
    });
    const mutable = (await kernel([1, 2])) as Texture;
    const refused = {
      code: 'ERR_UNSUPPORTED',
      message: expect.stringContaining('immutable: true'),
    };
    expect(() => gpujsParameter('w', mutable)).toThrow(expect.objectContaining(refused) as Error);
    const own = { name: 'w', identity: {}, get: () => gpujsTensor(mutable), set: () => undefined };
    const tensors = await bench.backend.clone([gpujsTensor(mutable)]);
    await expect(async () => bench.backend.swap([own], tensors)).rejects.toMatchObject(refused);
    bench.backend.dispose(tensors);
    expect(await ((await kernel([3, 4])) as Texture).toArray()).toEqual(Float32Array.of(3, 4));
  });
});

// On webgpu gpu.js refuses such a constant itself.
describeModes(['headlessgl'], (_, bench) => {
  it('refuses a texture that is a constant of a kernel', async () => {
    const given = await textureOf(bench.gpu, Float32Array.of(1, 2), [2]);
    const weight = gpujsParameter('w', given);
    const kernel = bench.gpu.createKernel(
      'function () { return this.constants.w[this.thread.x]; }',
      { output: [2], precision: 'single', constants: { w: weight.data() as never } },
    );
    await kernel();
    const average = new AveragedModel([weight], { backend: bench.backend });
    await expect(average.update()).rejects.toThrow('is also the constant "w" of a kernel');
    kernel.destroy();
  });
});
