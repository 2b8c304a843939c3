import { cpuBackend } from '@polyak/backend-cpu';
import { exponential, SWA } from '@polyak/core';
import type { HostTensor, SWAOptions } from '@polyak/core';
import { describe, expect, it, vi } from 'vitest';
import { sgd, weights } from '../../../tests/support/sgd.js';

const backend = cpuBackend();

async function residuals(options: Partial<SWAOptions<HostTensor>>): Promise<string[]> {
  const swa = new SWA(sgd([{ params: [weights('w', [2])], lr: 0.1 }]), { backend, ...options });
  await swa.updateSwa();
  const { averages } = await swa.stateDict();
  await swa.dispose();
  return Object.keys(averages['swa']?.residuals ?? {});
}

describe('isCompensated', () => {
  it('is what the rule wishes by default', async () => {
    expect(await residuals({ rule: exponential(0.9999) })).toEqual(['w']);
    expect(await residuals({ rule: exponential(0.99) })).toEqual([]);
    expect(await residuals({})).toEqual([]);
  });

  it('overrides the wish of the rule, both ways', async () => {
    expect(await residuals({ rule: exponential(0.9999), isCompensated: false })).toEqual([]);
    expect(await residuals({ isCompensated: true })).toEqual(['w']);
  });

  it('warns of nothing where it is false and the backend cannot compensate', () => {
    const { averageCompensated: _, ...plain } = backend;
    const onWarning = vi.fn<(message: string) => void>();
    const rule = exponential(0.9999);
    const make = (options: Partial<SWAOptions<HostTensor>>): SWA<HostTensor> =>
      new SWA(sgd([]), { backend: plain, rule, onWarning, ...options });
    make({ isCompensated: false });
    expect(onWarning).not.toHaveBeenCalled();
    make({});
    expect(onWarning.mock.calls).toEqual([[expect.stringContaining('no compensated accumulator')]]);
  });
});
