// Which kernel runs where WebAssembly is missing, forbidden or short of memory.
import { cpuBackend } from '@polyak/backend-cpu';
import type { HostTensor } from '@polyak/core/interfaces';
import { describe, expect, it, vi } from 'vitest';
import { averaged } from '../data.js';

const PAGE = 65_536;

function constant(count: number, value = 1): HostTensor {
  return { dtype: 'float32', shape: [count], data: new Float32Array(count).fill(value) };
}

describe('cpuBackend', () => {
  it('says which kernel it runs, and takes wasm by default', () => {
    expect(cpuBackend().name).toBe('cpu:wasm');
    expect(cpuBackend({ kernel: 'wasm' }).name).toBe('cpu:wasm');
    expect(cpuBackend({ kernel: 'js' }).name).toBe('cpu:js');
  });

  it('falls back to js where WebAssembly is missing, unless wasm was asked for', () => {
    const forbidden = { Module: refuse };
    for (const substitute of [undefined, forbidden]) {
      vi.stubGlobal('WebAssembly', substitute);
      try {
        expect(cpuBackend().name).toBe('cpu:js');
        expect(() => cpuBackend({ kernel: 'wasm' })).toThrow(
          expect.objectContaining({ code: 'ERR_UNSUPPORTED', cause: expect.any(Error) as unknown }),
        );
      } finally {
        vi.unstubAllGlobals();
      }
    }
  });

  it('opens smaller memories where large ones are refused, and none where none is left', () => {
    const { Memory } = WebAssembly;
    let most = 100;
    class Limited extends Memory {
      constructor(descriptor: WebAssembly.MemoryDescriptor) {
        if (descriptor.initial > most) throw new RangeError('could not allocate memory');
        super(descriptor);
      }
    }
    vi.stubGlobal('WebAssembly', { ...wasmFunctions(), Memory: Limited });
    try {
      const backend = cpuBackend({ kernel: 'wasm' });
      const [small, second, tooLarge] = backend.upload([
        constant(PAGE),
        constant(20 * PAGE),
        constant(40 * PAGE),
      ]);
      most = 0;
      const [rest] = backend.upload([constant(30 * PAGE)]);
      const averages = [small, second, tooLarge, rest].filter((tensor) => tensor !== undefined);
      const live = averages.map(({ data }) => constant(data.length, 3));
      const items = averages.map((average, index) => ({
        average,
        live: live[index] ?? average,
        weight: 0.5,
      }));
      const results = averaged(backend, items).map(({ average }) => average);
      expect(results.map(({ data }) => new Set(Array.from(data, Number)))).toEqual(
        [2, 2, 2, 2].map((value) => new Set([value])),
      );
      backend.dispose(results);
      expect(backend.memory()).toEqual({ tensors: 0, bytes: 0 });
    } finally {
      vi.unstubAllGlobals();
    }
  });
});

function refuse(): never {
  throw new WebAssembly.CompileError('blocked by a content security policy');
}

// WebAssembly's members are not enumerable, so that a spread would lose them.
function wasmFunctions(): Pick<typeof WebAssembly, 'Module' | 'Instance' | 'Memory'> {
  return { Module: WebAssembly.Module, Instance: WebAssembly.Instance, Memory: WebAssembly.Memory };
}
