// Updates whose usual form overflows: as the kernels of the CPU backend make them, bit for bit.
import { hostKernels } from '@polyak/backend-cpu/host';
import { gpujsTensor } from '@polyak/backend-gpujs';
import type { GpujsTensor } from '@polyak/backend-gpujs';
import type { HostTensor } from '@polyak/core/interfaces';
import { expect, it } from 'vitest';
import type { Bench } from '../../../../tests/support/gpujs/describe-modes.js';
import { describeModes } from '../../../../tests/support/gpujs/describe-modes.js';
import { MODES, TEXTURE_MODES } from '../../../../tests/support/gpujs/modes.js';
import { textureOf } from '../textures.js';
import { deleteTextures } from '../updates.js';
import { manyMagnitudes } from './rounding.js';

const WEIGHT = 0.75;
const LENGTH = 600;

const large = (seed: number): Float32Array =>
  Float32Array.from({ length: LENGTH }, (_, n) => Math.sin(n * seed) * 3.4e38);

const average = large(2);
const residual = average.map((value) => value * 2 ** -26);
const live = large(3);
// An item that does not overflow, in the same pack.
const tame = manyMagnitudes(LENGTH, 1);

const AVERAGES = [tame, average, average];

/** A tame average, a large one, and a large one with a residual, each after one update. */
interface Updated {
  readonly sums: readonly unknown[];
  readonly residual: Float32Array;
  readonly hasMoved: readonly boolean[];
}

async function updated({ backend }: Bench, lives: readonly GpujsTensor[]): Promise<Updated> {
  const states = [...AVERAGES, residual].map((data): HostTensor => ({
    dtype: 'float32',
    shape: [LENGTH],
    data,
  }));
  const uploaded = backend.upload(states);
  const items = AVERAGES.map((_, n) => ({
    average: uploaded[n] as GpujsTensor,
    live: lives[Math.min(n, 1)] as GpujsTensor,
    weight: WEIGHT,
    ...(n === 2 && { residual: uploaded[3] as GpujsTensor }),
  }));
  const result = await backend.average(items);
  if (result.kind === 'refused') throw new Error(`refused ${result.nonFinite.join()}`);
  const made = result.items.map((item) => item.average);
  made.push(result.items[2]?.residual as GpujsTensor);
  const found = (await backend.download(made)).map(({ data }) => data as Float32Array);
  backend.dispose(made);
  return {
    sums: found.slice(0, 3),
    residual: unsigned(found[3] as Float32Array),
    hasMoved: result.items.map(({ hasMoved }) => hasMoved),
  };
}

function updatedOnHost(): Updated {
  const items = AVERAGES.map((data, n) => ({
    average: data,
    live: n === 0 ? tame : live,
    weight: WEIGHT,
    residual: n === 2 ? residual : undefined,
  }));
  const result = hostKernels().average(items);
  if (result.kind === 'refused') throw new Error(`refused ${result.nonFinite.join()}`);
  return {
    sums: result.items.map((item) => item.average),
    residual: unsigned(result.items[2]?.residual as Float32Array),
    hasMoved: [false, true, true],
  };
}

/** An error of 0 has the sign that the driver gives it. */
function unsigned(errors: Float32Array): Float32Array {
  return errors.map((error) => error + 0);
}

describeModes(MODES, (_, bench) => {
  it('weigh each side, with live weights in arrays', async () => {
    const lives = [gpujsTensor(tame), gpujsTensor(live)];
    expect(await updated(bench, lives)).toEqual(updatedOnHost());
  });
});

describeModes(TEXTURE_MODES, (_, bench) => {
  it.each([false, true])(
    'weigh each side, with live weights in textures (four elements a texel: %s)',
    async (isDense) => {
      const lives: GpujsTensor[] = [];
      for (const data of [tame, live]) {
        lives.push(gpujsTensor(await textureOf(bench.gpu, data, [LENGTH], isDense)));
      }
      expect(await updated(bench, lives)).toEqual(updatedOnHost());
      deleteTextures(lives);
    },
  );
});
