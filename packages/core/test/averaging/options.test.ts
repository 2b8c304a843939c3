import { cpuBackend } from '@polyak/backend-cpu';
import { AveragedModel, ParameterSet, SWA } from '@polyak/core';
import type { SWAOptions } from '@polyak/core';
import type { HostTensor } from '@polyak/core/interfaces';
import { exponential } from '@polyak/core/rules';
import { describe, expect, it, vi } from 'vitest';
import { sgd, weights } from '../../../../tests/support/sgd.js';

const backend = cpuBackend();

async function residuals(options: Partial<SWAOptions<HostTensor>>): Promise<string[]> {
  const swa = new SWA(sgd([{ params: [weights('w', [2])], lr: 0.1 }]), { backend, ...options });
  await swa.updateSwa();
  const { averages } = await swa.stateDict();
  await swa.dispose();
  return Object.keys(averages['swa']?.residuals ?? {});
}

describe('compensated', () => {
  it('is what the rule wishes by default', async () => {
    expect(await residuals({ rule: exponential(0.9999) })).toEqual(['w']);
    expect(await residuals({ rule: exponential(0.99) })).toEqual([]);
    expect(await residuals({})).toEqual([]);
  });

  it('overrides the wish of the rule, both ways', async () => {
    expect(await residuals({ rule: exponential(0.9999), compensated: false })).toEqual([]);
    expect(await residuals({ compensated: true })).toEqual(['w']);
  });

  it('is left out where the rule wishes it and the backend cannot', async () => {
    const options = { backend: { ...backend, canCompensate: false }, onWarning: () => {} };
    expect(await residuals({ rule: exponential(0.9999), ...options })).toEqual([]);
  });

  it('where the backend cannot: false is silent, the rule a warning, and true an error', () => {
    const plain = { ...backend, canCompensate: false };
    const onWarning = vi.fn<(message: string) => void>();
    const rule = exponential(0.9999);
    const make = (options: { readonly compensated?: boolean }): SWA<HostTensor> =>
      new SWA(sgd([{ params: [weights('w', [1])], lr: 0.1 }]), {
        backend: plain,
        rule,
        onWarning,
        ...options,
      });
    make({ compensated: false });
    expect(onWarning).not.toHaveBeenCalled();
    make({});
    expect(onWarning.mock.calls).toEqual([[expect.stringContaining('no compensated accumulator')]]);
    expect(() => make({ compensated: true })).toThrow(
      expect.objectContaining({
        code: 'ERR_UNSUPPORTED',
        message: expect.stringContaining('Leave compensated out') as unknown,
      }),
    );
  });
});

it('warnings go to the console where no function takes them', () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
  void new AveragedModel([], { backend });
  expect(warn.mock.calls).toEqual([[expect.stringContaining('there are no parameters')]]);
  warn.mockRestore();
});

describe('no parameters', () => {
  it('are a warning that says who has none', () => {
    const onWarning = vi.fn<(message: string) => void>();
    const options = { backend, onWarning };
    void new AveragedModel([], options);
    void new AveragedModel(() => [], options);
    void new SWA(sgd([]), options);
    void new SWA(sgd([{ params: [], lr: 0.1 }]), options);
    void new ParameterSet([], options);
    expect(onWarning.mock.calls.map(([message]) => message.split(':')[0])).toEqual([
      'AveragedModel',
      'AveragedModel',
      'SWA',
      'SWA',
      'ParameterSet',
    ]);
    expect(onWarning).toHaveBeenLastCalledWith(
      'ParameterSet: there are no parameters, so nothing is averaged. Pass those of the model.',
    );
  });

  it('of one group are no warning where another has some', () => {
    const onWarning = vi.fn<(message: string) => void>();
    const groups = [[], [weights('w', [1])]].map((params) => ({ params, lr: 0.1 }));
    void new SWA(sgd(groups), { backend, onWarning });
    expect(onWarning).not.toHaveBeenCalled();
  });
});
