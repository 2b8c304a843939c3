// Long runs: the average against float64, compensated accumulators, and memory.
import { cpuBackend } from '@polyak/backend-cpu';
import { SWA } from '@polyak/core';
import type { SWAOptions } from '@polyak/core';
import type { HostTensor, Parameter } from '@polyak/core/interfaces';
import { equal, exponential } from '@polyak/core/rules';
import { describe, expect, it, vi } from 'vitest';
import { gaussian, read, sgd, weights } from '../../../../tests/support/sgd.js';

const backend = cpuBackend();

function swaOf(
  groups: readonly (readonly Parameter<HostTensor>[])[],
  options: Partial<SWAOptions<HostTensor>> = {},
): SWA<HostTensor> {
  return new SWA(sgd(groups.map((params) => ({ params, lr: 0.1 }))), { backend, ...options });
}

describe('accuracy against float64', () => {
  /** The rms relative error of the average of `n` float32 weights with 1 % noise. */
  async function error(n: number, compensated: boolean): Promise<number> {
    const length = 256;
    const cell = weights('w', [length]);
    const data = cell.get().data as Float32Array;
    const centre = data.slice();
    const swa = swaOf([[cell]], { compensated });
    const sums = new Float64Array(length);
    const normal = gaussian();
    for (let step = 0; step < n; step += 1) {
      data.forEach((_, index) => {
        data[index] = (centre[index] ?? 0) * (1 + 0.01 * normal());
        sums[index] = (sums[index] ?? 0) + (data[index] ?? 0);
      });
      await swa.updateSwa();
    }
    const { swaState = {}, residuals = {} } = (await swa.stateDict()).averages['swa'] ?? {};
    await swa.dispose();
    const squares = sums.map((sum, index) => {
      const found = Number(swaState['w']?.data[index]) + Number(residuals['w']?.data[index] ?? 0);
      return (found / (sum / n) - 1) ** 2;
    });
    return Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / length);
  }

  it('is within 5e-6 rms after 10,000 updates of weights with 1 % noise', async () => {
    expect(await error(10_000, false)).toBeLessThan(5e-6);
  });

  it('is within 1e-7 rms compensated', async () => {
    expect(await error(10_000, true)).toBeLessThan(1e-7);
  });

  it('follows decay 0.9999 to 1e-6 over 200,000 updates by default', async () => {
    const cell = weights('w', [4]);
    const swa = swaOf([[cell]], { rule: exponential(0.9999) });
    const data = cell.get().data as Float32Array;
    let expected = 0;
    for (let step = 0; step < 200_000; step += 1) {
      const value = Math.fround(step === 0 ? 1 : 1.5 + 0.01 * Math.sin(step));
      data.fill(value);
      expected = step === 0 ? value : expected + (1 - 0.9999) * (value - expected);
      await swa.updateSwa();
    }
    await swa.swapSwaSgd();
    read(cell).forEach((value) => expect(Math.abs(value / expected - 1)).toBeLessThan(1e-6));
  });
});

describe('compensation', () => {
  const plain = { ...backend, canCompensate: false };

  it('is refused where it is asked for and the backend lacks it', () => {
    expect(() => swaOf([[weights('w', [1])]], { backend: plain, compensated: true })).toThrow(
      expect.objectContaining({ code: 'ERR_UNSUPPORTED' }),
    );
  });

  it('is warned of once where the rule needs it and the backend lacks it', async () => {
    const onWarning = vi.fn<(message: string) => void>();
    const swa = swaOf([[weights('w', [1])]], {
      backend: plain,
      rule: exponential(0.9999),
      onWarning,
    });
    for (let n = 0; n < 3; n += 1) await swa.updateSwa();
    expect(onWarning).toHaveBeenCalledTimes(1);
  });
});

describe('memory', () => {
  it('is the same after 100,000 updates as after 10', async () => {
    const swa = swaOf([[weights('w', [100]), weights('b', [3], 2)]], { rule: equal() });
    for (let n = 0; n < 10; n += 1) await swa.updateSwa();
    const before = backend.memory();
    for (let n = 0; n < 100_000; n += 1) await swa.updateSwa();
    expect(backend.memory()).toEqual(before);
    await swa.dispose();
    expect(backend.memory().tensors).toBe(before.tensors - 2);
  });
});
