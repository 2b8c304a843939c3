// Where the tensors of the CPU backend lie: shown in place, and their memory used again.
import { cpuBackend } from '@polyak/backend-cpu';
import type { HostTensor } from '@polyak/core/interfaces';
import { describe, expect, it } from 'vitest';
import { WasmEngine } from '#kernel/wasm-engine.js';
import { averaged, fillTame, itemsOf, vector } from './data.js';

function float32(...values: readonly number[]): HostTensor {
  return vector(Float32Array.from(values));
}

it.each(['wasm', 'js'] as const)('the %s backend shows its tensors in place', (kernel) => {
  const backend = cpuBackend({ kernel });
  const tensors = backend.upload([float32(1, 2), float32(3)]);
  const views = backend.hostViews(tensors);
  expect(views.map(({ data }) => [...data])).toEqual([[1, 2], [3]]);
  expect(views[0]?.data).toBe(tensors[0]?.data);
  backend.dispose(tensors.slice(1));
  expect(() => backend.hostViews(tensors)).toThrow(
    expect.objectContaining({ code: 'ERR_DISPOSED' }),
  );
});

describe('the wasm backend', () => {
  /** How far a tensor lies behind another one of the same memory. */
  function distance(from: HostTensor | undefined, to: HostTensor | undefined): number {
    expect(to?.data.buffer).toBe(from?.data.buffer);
    return (to?.data.byteOffset ?? NaN) - (from?.data.byteOffset ?? NaN);
  }

  it('uses the memory of what was disposed of again', () => {
    const backend = cpuBackend({ kernel: 'wasm' });
    const first = backend.upload([float32(1, 2)]);
    backend.dispose(first);
    expect(distance(first[0], backend.upload([float32(3, 4, 5)])[0])).toBe(0);
  });

  it('uses the memory of an update that was refused for the next one', () => {
    const backend = cpuBackend({ kernel: 'wasm' });
    const averages = backend.upload([float32(1, 2)]);
    for (let count = 0; count < 3; count += 1) {
      expect(backend.average(itemsOf(averages, [float32(3, NaN)])).kind).toBe('refused');
    }
    const [moved] = averaged(backend, itemsOf(averages, [float32(3, 4)]));
    expect(distance(averages[0], moved?.average)).toBe(64);
  });
});

describe('the wasm engine', () => {
  it.each([false, true])(
    'copies nothing where all lies in one memory, compensated: %s',
    (isPair) => {
      const engine = new WasmEngine({ least: 64 * 65_536 });
      const request = { dtype: 'float32', length: 300 } as const;
      const arrays = engine.memory.allocate([request, request, request, request, request]);
      const [average, residual, live, next, rest] = arrays.map((data, seed) =>
        fillTame(data as Float32Array, seed),
      ) as [Float32Array, Float32Array, Float32Array, Float32Array, Float32Array];
      const from = isPair ? { average, residual, live } : { average, live };
      engine.average(isPair ? { average: next, residual: rest } : { average: next }, from, 0.5);
      expect(engine.allFinite(next)).toBe(true);
      const shard = engine.arena.shardOf(next);
      for (const scratch of [engine.arena.staging.scratch32, shard?.scratch32]) {
        expect(scratch?.every((value) => value === 0)).toBe(true);
      }
    },
  );
});
