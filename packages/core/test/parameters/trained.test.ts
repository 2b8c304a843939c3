// A model that is trained on while averages were left in it: nothing of that is lost unnoticed.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { AveragedModel, observedOptimizer, ParameterSet, PolyakError, SWA } from '@polyak/core';
import type { HostTensor, Parameter } from '@polyak/core/interfaces';
import { describe, expect, it } from 'vitest';

const backend = cpuBackend();

/** A model with its average of 1 and 3 left in it; the live weight is 3, the other one 7. */
async function left() {
  const [data, other] = [Float32Array.of(1, 1), Float64Array.of(7)];
  const params: readonly Parameter<HostTensor>[] = [
    parameter('w', { dtype: 'float32', shape: [2], data }),
    parameter('b', { dtype: 'float64', shape: [1], data: other }),
  ];
  const swa = new SWA<HostTensor>(observedOptimizer([{ params, lr: 0.1 }]), { backend });
  await swa.updateSwa();
  data.fill(3);
  await swa.updateSwa();
  await swa.swapSwaSgd({ recallable: true });
  expect([...data, swa.isRecallable]).toEqual([2, 2, true]);
  return { data, params, swa };
}

type Left = Awaited<ReturnType<typeof left>>;

const CALLS: Readonly<Record<string, (run: Left) => Promise<unknown>>> = {
  updateSwa: ({ swa }) => swa.updateSwa(),
  step: ({ swa }) => swa.step(),
  withAveraged: ({ swa }) => swa.withAveraged(() => 0),
  dispose: ({ swa }) => swa.dispose(),
  'update of another object': ({ params }) => new AveragedModel(params, { backend }).update(),
  'read of another object': ({ params }) => new ParameterSet(params, { backend }).read(),
  recall: ({ params }) => new ParameterSet(params, { backend }).recall(),
};

describe.each(Object.entries(CALLS))(
  'after training over averages that were left, %s',
  (_, call) => {
    it('is refused, and says how to keep or discard what the model holds', async () => {
      const run = await left();
      run.data[1] = 9;
      await expect(call(run)).rejects.toMatchObject({
        code: 'ERR_SWAPPED',
        message: expect.stringMatching(
          /"w" changed while the averages of SWA\.swapSwaSgd .* dispose\(\{ keep: 'averages' \}\)/,
        ) as string,
      });
      expect([...run.data]).toEqual([2, 9]);
      expect(run.swa.isRecallable).toBe(true);
    });

    it('takes them out where nothing was trained', async () => {
      const run = await left();
      await call(run);
      expect([...run.data]).toEqual([3, 3]);
    });
  },
);

describe('a model that cannot be read any more', () => {
  /** The model of `left`, whose first `get` from now on fails. */
  async function failing(error: Error) {
    const run = await left();
    const [w] = run.params as [Parameter<HostTensor>];
    const { get } = w;
    run.data[1] = 9;
    w.get = () => {
      w.get = get;
      throw error;
    };
    return run;
  }

  it('has no training to lose where it was disposed of', async () => {
    const { data, swa } = await failing(new PolyakError('ERR_DISPOSED', 'gone'));
    await swa.updateSwa();
    expect([...data, swa.isSwapped]).toEqual([3, 3, false]);
  });

  it.each([new PolyakError('ERR_UNSUPPORTED', 'lost'), new TypeError('lost')])(
    'keeps the averages where it fails otherwise, by %o',
    async (error) => {
      const { data, swa } = await failing(error);
      await expect(swa.updateSwa()).rejects.toBe(error);
      expect([...data, swa.isSwapped]).toEqual([2, 9, true]);
    },
  );
});

it('what was trained over averages is kept, or discarded, as asked', async () => {
  const [kept, discarded] = [await left(), await left()];
  for (const { data } of [kept, discarded]) data[1] = 9;
  await kept.swa.dispose({ keep: 'averages' });
  expect([...kept.data]).toEqual([2, 9]);
  await new AveragedModel(kept.params, { backend }).update();
  await discarded.swa.swapSwaSgd();
  expect([...discarded.data]).toEqual([3, 3]);
});
