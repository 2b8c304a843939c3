// Updates that overwrite the averages give the same results as those that do not.
import { cpuBackend, inPlaceCpuBackend } from '@polyak/backend-cpu';
import type { CpuBackend } from '@polyak/backend-cpu';
import type { AverageItem, HostTensor } from '@polyak/core/interfaces';
import { describe, expect, it } from 'vitest';
import { averaged, difference, fillTame, fillWild, vector } from './data.js';
import type { FloatArray } from './data.js';

/** Some of one chunk, and one of several. */
const LENGTHS = [0, 1, 5, 16_384, 50_001];

describe.each(['wasm', 'js'] as const)('the CPU backend in place, with its %s kernel', (kernel) => {
  it.each(LENGTHS)('gives %i elements the bits that it gives them elsewhere', (length) => {
    for (const Elements of [Float32Array, Float64Array]) {
      for (const isCompensated of [false, true]) {
        const results = [cpuBackend, inPlaceCpuBackend].map((make) => {
          const backend = make({ kernel });
          const items = [itemOf(backend, new Elements(length), isCompensated)];
          return averaged(backend, items).flatMap(({ average, residual, ...status }) => [
            status,
            ...[average, residual].map((tensor) => tensor?.data as FloatArray | undefined),
          ]);
        });
        const [[status, average, residual] = [], [found, ...arrays] = []] = results;
        expect(found).toEqual(status);
        for (const [n, data] of [average, residual].entries()) {
          if (data === undefined) continue;
          expect(difference(arrays[n] as FloatArray, data as FloatArray)).toBeUndefined();
        }
      }
    }
  });

  it('leaves the averages in their arrays', () => {
    const backend = inPlaceCpuBackend({ kernel });
    const item = itemOf(backend, new Float32Array(20_000), true, fillTame);
    const [moved] = averaged(backend, [item]);
    expect(moved?.average.data).toBe(item.average.data);
    expect(moved?.residual?.data).toBe(item.residual?.data);
    expect(backend.memory().tensors).toBe(2);
    backend.dispose([moved?.average as HostTensor, moved?.residual as HostTensor]);
    expect(backend.memory()).toEqual({ tensors: 0, bytes: 0 });
  });

  it('changes nothing where a residual is not finite', () => {
    const backend = inPlaceCpuBackend({ kernel });
    const [average, residual] = [Float32Array.of(1, 2), Float32Array.of(0, NaN)].map(vector) as [
      HostTensor,
      HostTensor,
    ];
    const items = [{ average, residual, live: vector(Float32Array.of(3, 4)), weight: 0.5 }];
    expect(backend.average(items)).toEqual({ kind: 'refused', nonFinite: [0] });
    expect([...average.data, ...residual.data]).toEqual([1, 2, 0, NaN]);
  });

  it('gives the memory of its chunks back', () => {
    const backend = inPlaceCpuBackend({ kernel });
    const offsets = [1, 2].map(() => {
      averaged(backend, [itemOf(backend, new Float32Array(5), false)]);
      return backend.upload([vector(new Float32Array(5))])[0]?.data.byteOffset ?? NaN;
    });
    const [first, second] = offsets as [number, number];
    // Two tensors of one line each, where they are in one memory.
    expect(second - first).toBe(kernel === 'wasm' ? 128 : 0);
  });

  it('changes nothing where one of several items is refused', () => {
    const backend = inPlaceCpuBackend({ kernel });
    const items = [1, 2, 3].map((n) =>
      itemOf(backend, new Float32Array(20_000 * n), n === 2, fillTame),
    );
    const before = backend.download(items.map(({ average }) => average));
    (items[2] as AverageItem<HostTensor>).live.data[59_999] = NaN;
    expect(backend.average(items)).toEqual({ kind: 'refused', nonFinite: [2] });
    for (const [n, { average }] of items.entries()) {
      expect(difference(floats(average), floats(before[n]))).toBeUndefined();
    }
  });
});

function floats(tensor: HostTensor | undefined): FloatArray {
  return (tensor?.data ?? []) as FloatArray;
}

/** An item whose arrays have the type and length of `model`. */
function itemOf(
  backend: CpuBackend,
  model: FloatArray,
  isCompensated: boolean,
  fill: typeof fillWild = fillWild,
): AverageItem<HostTensor> {
  const make = (seed: number): HostTensor => vector(fill(model.slice(), seed));
  const [average, residual] = backend.upload([make(1), make(2)]) as [HostTensor, HostTensor];
  if (isCompensated) return { average, residual, live: make(3), weight: 0.3 };
  backend.dispose([residual]);
  return { average, live: make(3), weight: 0.3 };
}
