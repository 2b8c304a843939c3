// What the conformance suite cannot see: exact roundings, the runs that ORT is asked for, failures
// in the middle, refusals.
import { onnxBackend, onnxParameter } from '@polyak/backend-onnx';
import type { OnnxBackend } from '@polyak/backend-onnx';
import type { HostArray, HostTensor } from '@polyak/core';
import { observedOptimizer, SWA } from '@polyak/core';
import * as ort from 'onnxruntime-node';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { averaged, bitsOf, compensated, manyMagnitudes } from './rounding.js';

/** More than two runs of ORT, and no multiple of one. */
const LONG = 150_001;
const WEIGHTS = [0, 1e-4, 1 / 3, 0.5, 0.9, 1];

let backend: OnnxBackend;
beforeAll(async () => {
  backend = await onnxBackend(ort);
});
afterAll(async () => backend.release());
afterEach(() => vi.restoreAllMocks());

function refusal(code: string): Error {
  return expect.objectContaining({ name: 'PolyakError', code }) as Error;
}

/** A tensor over `data` itself. */
function over({ dtype, shape, data }: HostTensor): ort.Tensor {
  return new ort.Tensor(dtype as 'float32', data as Float32Array, shape);
}

function float32(...values: number[]): ort.Tensor {
  return new ort.Tensor('float32', values, [values.length]);
}

const createSession = ort.InferenceSession.create.bind(ort.InferenceSession);

/**
 * Counts the runs of all sessions made from now on; `onRun` is called before each, with its number
 * from 0.
 */
function spyOnRuns(onRun: (run: number) => void = () => {}): { count: number } {
  const runs = { count: 0 };
  vi.spyOn(ort.InferenceSession, 'create').mockImplementation(async (model, options) => {
    const session = await createSession(model, options);
    const run = session.run.bind(session);
    session.run = async (feeds: ort.InferenceSession.FeedsType, ...rest: never[]) => {
      onRun((runs.count += 1) - 1);
      return run(feeds, ...rest);
    };
    return session;
  });
  return runs;
}

describe('arithmetic on cpu', () => {
  it.each(WEIGHTS)(
    'rounds each operation to the dtype of the average, weight %f',
    async (weight) => {
      for (const dtype of ['float32', 'float64'] as const) {
        const [average, live] = [manyMagnitudes(dtype, LONG, 1), manyMagnitudes(dtype, LONG, 2)];
        const moved = await backend.average(await backend.upload([average]), [over(live)], weight);
        const [found] = await backend.download(moved);
        expect(bitsOf(found as HostTensor)).toEqual(bitsOf(averaged(average, live.data, weight)));
      }
    },
  );

  it.each(WEIGHTS)('compensates bit for bit as the formula says, weight %f', async (weight) => {
    for (const dtype of ['float32', 'float64'] as const) {
      const [average, live] = [manyMagnitudes(dtype, LONG, 3), manyMagnitudes(dtype, LONG, 4)];
      const residual = {
        ...average,
        data: (average.data as Float64Array).map((a) => a * 2 ** -25),
      };
      const [averages, residuals] = [
        await backend.upload([average]),
        await backend.upload([residual]),
      ];
      const moved = await backend.averageCompensated(averages, residuals, [over(live)], weight);
      const found = await backend.download([...moved.averages, ...moved.residuals]);
      const expected = compensated(average, residual, live.data, weight);
      expect(found.map(bitsOf)).toEqual(expected.map(bitsOf));
    }
  });

  it('averages lists of many sizes and dtypes, each with its own', async () => {
    const lengths = [1, 32_000, 0, 7, 31_999, 100_000, 3, 16_001, 1];
    const dtypeOf = (n: number) => (n % 3 === 0 ? 'float64' : 'float32');
    const averages = lengths.map((length, n) => manyMagnitudes(dtypeOf(n), length, n));
    const live = lengths.map((length, n) => manyMagnitudes(dtypeOf(n), length, n + 20));
    const moved = await backend.average(await backend.upload(averages), live.map(over), 0.3);
    const expected = averages.map((average, n) =>
      averaged(average, live[n]?.data as HostArray, 0.3),
    );
    expect((await backend.download(moved)).map(bitsOf)).toEqual(expected.map(bitsOf));
  });

  it('averages in place, and touches nothing beside a view', async () => {
    const buffer = new Float32Array(12).fill(1);
    const average = over({ dtype: 'float32', shape: [4], data: buffer.subarray(4, 8) });
    expect(await backend.average([average], [float32(3, 3, 3, 3)], 0.5)).toEqual([average]);
    expect([...buffer]).toEqual([1, 1, 1, 1, 2, 2, 2, 2, 1, 1, 1, 1]);
  });

  it('takes live tensors in shared memory, which ORT does not', async () => {
    const data = new Float32Array(new SharedArrayBuffer(8));
    data.set([2, 4]);
    const [moved] = await backend.average(
      [float32(0, 0)],
      [over({ dtype: 'float32', shape: [2], data })],
      0.5,
    );
    expect(moved?.data).toEqual(Float32Array.of(1, 2));
  });

  it('keeps calls apart that overlap', async () => {
    const average = (seed: number): HostTensor => manyMagnitudes('float32', 1000, seed);
    const seeds = [1, 2, 3, 4];
    const moved = await Promise.all(
      seeds.map(async (seed) =>
        backend.average(
          await backend.upload([average(seed), average(seed + 4)]),
          [over(average(seed + 8)), over(average(seed + 12))],
          seed / 5,
        ),
      ),
    );
    for (const [n, tensors] of moved.entries()) {
      const seed = n + 1;
      expect((await backend.download(tensors)).map(bitsOf)).toEqual([
        bitsOf(averaged(average(seed), average(seed + 8).data, seed / 5)),
        bitsOf(averaged(average(seed + 4), average(seed + 12).data, seed / 5)),
      ]);
    }
  });
});

describe('runs of ORT', () => {
  it('packs 160 small tensors into one', async () => {
    const runs = spyOnRuns();
    const spied = await onnxBackend(ort);
    const tensors = Array.from({ length: 160 }, (_, n) => manyMagnitudes('float32', 200, n));
    const averages = await spied.upload(tensors);
    const before = runs.count;
    await spied.average(averages, await spied.clone(averages), 0.5);
    expect(runs.count - before).toBe(1);
    await spied.release();
  });

  it('changes nothing where the first fails', async () => {
    const average = manyMagnitudes('float32', LONG, 1);
    spyOnRuns(() => {
      throw new Error('out of memory');
    });
    const spied = await onnxBackend(ort);
    const averages = await spied.upload([average]);
    await expect(spied.average(averages, await spied.upload([average]), 0.5)).rejects.toThrow(
      'out of memory',
    );
    expect((await spied.download(averages)).map(bitsOf)).toEqual([bitsOf(average)]);
    await spied.release();
  });

  it('moves all tensors where a later one fails, bit for bit', async () => {
    const dtypes = ['float32', 'float64'] as const;
    const averages = dtypes.map((dtype) => manyMagnitudes(dtype, LONG, 1));
    const residuals = dtypes.map((dtype) => manyMagnitudes(dtype, LONG, 9));
    const live = dtypes.map((dtype) => manyMagnitudes(dtype, LONG, 2));
    spyOnRuns((run) => {
      if (run > 0) throw new Error('out of memory');
    });
    const plain = await onnxBackend(ort);
    const moved = await plain.average(await plain.upload(averages), live.map(over), 0.3);
    expect((await plain.download(moved)).map(bitsOf)).toEqual(
      averages.map((average, n) => bitsOf(averaged(average, live[n]?.data as HostArray, 0.3))),
    );
    await plain.release();

    spyOnRuns((run) => {
      if (run > 0) throw new Error('out of memory');
    });
    const careful = await onnxBackend(ort);
    const pair = await careful.averageCompensated(
      await careful.upload(averages),
      await careful.upload(residuals),
      live.map(over),
      0.3,
    );
    const expected = averages.map((average, n) =>
      compensated(average, residuals[n] as HostTensor, live[n]?.data as HostArray, 0.3),
    );
    expect((await careful.download(pair.averages)).map(bitsOf)).toEqual(
      expected.map(([sum]) => bitsOf(sum)),
    );
    expect((await careful.download(pair.residuals)).map(bitsOf)).toEqual(
      expected.map(([, e]) => bitsOf(e)),
    );
    await careful.release();
  });
});

describe('float16', () => {
  /** 1, 1.5, -2, 65504 and the least number above 0. */
  const BITS = [0x3c00, 0x3e00, 0xc000, 0x7bff, 0x0001];
  const VALUES = [1, 1.5, -2, 65_504, 2 ** -24];

  function halves(bits: readonly number[], repeats = 1): HostTensor {
    const data = Uint16Array.from(
      { length: bits.length * repeats },
      (_, i) => bits[i % bits.length] ?? 0,
    );
    return { dtype: 'float16', shape: [data.length], data };
  }

  it('is averaged in float32, also where ORT fails in the middle', async () => {
    const live = halves(BITS, 30_001);
    const wide = Float32Array.from(
      live.data as Uint16Array,
      (_, i) => VALUES[i % VALUES.length] ?? NaN,
    );
    const average = manyMagnitudes('float32', wide.length, 1);
    const expected = bitsOf(averaged(average, wide, 1 / 3));
    for (const failing of [Infinity, 1]) {
      spyOnRuns((run) => {
        if (run >= failing) throw new Error('out of memory');
      });
      const spied = await onnxBackend(ort);
      const moved = await spied.average(await spied.upload([average]), [over(live)], 1 / 3);
      expect((await spied.download(moved)).map(bitsOf)).toEqual([expected]);
      await spied.release();
      vi.restoreAllMocks();
    }
  });

  it('keeps averages that float16 cannot hold, through swaps and states', async () => {
    const weight = onnxParameter('weight', over(halves([0x3c00, 0x3c00])));
    const bias = onnxParameter('bias', float32(1, 1));
    const steps = onnxParameter('steps', new ort.Tensor('int64', BigInt64Array.of(1n), [1]));
    const params = [bias, steps, weight];
    const make = (): SWA<ort.Tensor> =>
      new SWA(observedOptimizer([{ params, lr: 0.1 }]), { backend });
    const swa = make();
    const { tensors } = backend.memory();
    await swa.updateSwa();
    weight.set(over(halves([0x3c01, 0x3c00]))); // 1 + 2 ** -10
    bias.set(float32(2, 4));
    steps.set(new ort.Tensor('int64', BigInt64Array.of(7n), [1]));
    await swa.updateSwa();

    const live = params.map((parameter) => parameter.get());
    const state = await swa.stateDict();
    expect(state.averages['swa']?.swaState['weight']).toEqual({
      dtype: 'float32',
      shape: [2],
      data: Float32Array.of(1 + 2 ** -11, 1),
    });
    for (let round = 0; round < 3; round += 1) {
      await swa.swapSwaSgd();
      // Halfway between 1 and its neighbour: to even.
      expect(await backend.download([weight.get()])).toEqual([halves([0x3c00, 0x3c00])]);
      expect([...bias.get().data]).toEqual([1.5, 2.5]);
      expect([...steps.get().data]).toEqual([7n]);
      await swa.swapSwaSgd();
      expect(params.map((parameter) => parameter.get())).toEqual(live);
      expect(await swa.stateDict()).toEqual(state);
    }

    const other = make();
    await other.loadStateDict(state);
    expect(await other.stateDict()).toEqual(state);
    for (const each of [swa, other]) await each.updateSwa();
    expect(await other.stateDict()).toEqual(await swa.stateDict());
    for (const each of [swa, other]) await each.dispose();
    expect(backend.memory().tensors).toBe(tensors);
  });

  it('puts nothing in the model and leaks nothing where a swap fails', async () => {
    const weight = onnxParameter('weight', over(halves(BITS)));
    const bias = float32(1);
    let canSet = true;
    const cell = {
      name: 'bias',
      get: () => bias,
      set: () => {
        if (!canSet) throw new Error('read only');
      },
    };
    const swa = new SWA(observedOptimizer([{ params: [weight, cell], lr: 0.1 }]), { backend });
    await swa.updateSwa();
    const [live, { tensors }] = [weight.get(), backend.memory()];
    canSet = false;
    await expect(swa.swapSwaSgd()).rejects.toThrow('read only');
    expect(weight.get()).toBe(live);
    expect(swa.isSwapped).toBe(false);
    expect(backend.memory().tensors).toBe(tensors);
    expect((await swa.stateDict()).averages['swa']?.swaState['weight']?.data).toEqual(
      Float32Array.from(VALUES),
    );
    await swa.dispose();
  });
});

describe('swap', () => {
  it('exchanges handles', async () => {
    const [live, average] = [float32(1, 2), float32(3, 4)];
    const parameter = onnxParameter('p', live);
    expect(await backend.swap([parameter], [average])).toEqual([live]);
    expect(parameter.get()).toBe(average);
  });

  it('puts back what was set where a parameter refuses', async () => {
    const live = [float32(1), float32(2)];
    const [first, second] = live.map((tensor, n) => onnxParameter(`p${n}`, tensor));
    if (first === undefined || second === undefined) throw new Error('unreachable');
    const refusing = {
      ...second,
      set: async () => {
        throw new Error('read only');
      },
    };
    await expect(backend.swap([first, refusing], [float32(3), float32(4)])).rejects.toThrow(
      'read only',
    );
    expect([first.get(), second.get()]).toEqual(live);
  });
});

describe('refusals', () => {
  /**
   * As a session with `preferredOutputLocation: 'gpu-buffer'` gives them; given to a session on
   * cpu, it ends the process.
   */
  const foreign = ort.Tensor.fromGpuBuffer({ mapState: 'unmapped' } as never, {
    dataType: 'float32',
    dims: [2],
  });

  it('refuses a tensor on a GPU before ORT sees it', async () => {
    const runs = spyOnRuns();
    const spied = await onnxBackend(ort);
    const own = float32(1, 2);
    const cell = onnxParameter('conv1.weight', foreign);
    const calls = [
      spied.download([own, foreign]),
      spied.clone([foreign]),
      spied.cast([foreign], ['float16']),
      spied.allFinite([foreign]),
      spied.average([own], [foreign], 0.5),
      spied.average([foreign], [own], 0.5),
      spied.averageCompensated([own], [foreign], [own], 0.5),
      spied.swap([onnxParameter('p', own)], [foreign]),
      spied.swap([cell], [own]),
    ];
    for (const call of calls) await expect(call).rejects.toThrow(refusal('ERR_PARAMETERS'));
    await expect(calls.at(-1)).rejects.toThrow(
      /"conv1\.weight", float32\[2\], has the location "gpu-buffer"/u,
    );
    expect(runs.count).toBe(0);
    await spied.release();
  });

  it('refuses a tensor that was disposed of, whoever made it', async () => {
    const own = float32(1, 2);
    const [made, users] = [(await backend.clone([own]))[0] as ort.Tensor, float32(1, 2)];
    backend.dispose([made, users]);
    for (const gone of [made, users]) {
      backend.dispose([gone]);
      const calls = [
        backend.download([gone]),
        backend.clone([gone]),
        backend.cast([gone], ['float16']),
        backend.allFinite([gone]),
        backend.average([own], [gone], 0.5),
        backend.average([gone], [own], 0.5),
        backend.averageCompensated([own], [own], [gone], 0.5),
        backend.swap([onnxParameter('p', own)], [gone]),
      ];
      for (const call of calls) await expect(call).rejects.toThrow(refusal('ERR_DISPOSED'));
    }
  });

  it('refuses strings and 4-bit integers', () => {
    expect(() => backend.spec(new ort.Tensor('string', ['a'], [1]))).toThrow(
      refusal('ERR_UNSUPPORTED'),
    );
    expect(() => backend.spec(new ort.Tensor('int4', new Uint8Array(1), [2]))).toThrow(
      refusal('ERR_UNSUPPORTED'),
    );
  });

  it('refuses calls after its release, but still disposes', async () => {
    const released = await onnxBackend(ort);
    const tensors = await released.upload([manyMagnitudes('float32', 3, 1)]);
    await released.average(tensors, tensors, 0.5);
    await released.release();
    await released.release();
    expect(released.memory()).toEqual({ tensors: 1, sessions: 0 });
    await expect(released.average(tensors, tensors, 0.5)).rejects.toThrow(refusal('ERR_DISPOSED'));
    await expect(released.upload([])).rejects.toThrow(refusal('ERR_DISPOSED'));
    released.dispose(tensors);
    expect(released.memory().tensors).toBe(0);
  });

  it('finishes an update that its release overtakes', async () => {
    const released = await onnxBackend(ort);
    const [average, live] = [
      manyMagnitudes('float32', LONG, 1),
      manyMagnitudes('float32', LONG, 2),
    ];
    const averages = await released.upload([average]);
    const update = released.average(averages, [over(live)], 0.5);
    await new Promise(setImmediate);
    await released.release();
    const outcome = await update.then(
      () => averaged(average, live.data, 0.5),
      () => average,
    );
    expect(bitsOf({ data: averages[0]?.data as Float32Array })).toEqual(bitsOf(outcome));
  });
});

describe('execution providers', () => {
  const hasCuda = ort
    .listSupportedBackends()
    .some(({ name, bundled }) => name === 'cuda' && bundled);

  it('is named after the one that runs', async () => {
    expect(backend.name).toBe('onnx:cpu');
  });

  it.runIf(!hasCuda)('says which libraries CUDA lacks', async () => {
    const making = onnxBackend(ort, { executionProviders: ['cuda'] });
    await expect(making).rejects.toThrow(refusal('ERR_UNSUPPORTED'));
    await expect(making).rejects.toThrow(
      /cuda does not run here \(.*shared library.*\): its libraries come with/u,
    );
  });

  it.runIf(!hasCuda)('takes the first that can be had', async () => {
    const made = await onnxBackend(ort, { executionProviders: ['cuda', 'cpu'] });
    expect(made.name).toBe('onnx:cpu');
    await made.release();
  });

  it('refuses an empty list and unknown names', async () => {
    await expect(onnxBackend(ort, { executionProviders: [] })).rejects.toThrow(RangeError);
    await expect(onnxBackend(ort, { executionProviders: ['gpu' as 'cpu'] })).rejects.toThrow(
      'executionProviders is [gpu], expected one or more of cpu, webgpu, cuda',
    );
  });
});
