// Modules are compiled once, and instantiated once for each memory.
import { hostKernels } from '@polyak/backend-cpu/host';
import { expect, it, vi } from 'vitest';
import { WasmSums } from '#sums/wasm-sums.js';

/** How many modules are compiled, and how many instances made, while `run` runs. */
function made(run: () => unknown): { readonly modules: number; readonly instances: number } {
  let [modules, instances] = [0, 0];
  const { Memory } = WebAssembly;
  class Module extends WebAssembly.Module {
    constructor(bytes: BufferSource) {
      super(bytes);
      modules += 1;
    }
  }
  class Instance extends WebAssembly.Instance {
    constructor(module: WebAssembly.Module, imports?: WebAssembly.Imports) {
      super(module, imports);
      instances += 1;
    }
  }
  vi.stubGlobal('WebAssembly', { Memory, Module, Instance });
  try {
    run();
  } finally {
    vi.unstubAllGlobals();
  }
  return { modules, instances };
}

it('the kernel for half precision', () => {
  const update = (kernels = hostKernels({ kernel: 'wasm' })): typeof kernels => {
    const live = { dtype: 'float16', bits: Uint16Array.of(0x3c00, 0x4000) } as const;
    const result = kernels.average([{ average: Float32Array.of(3, 4), live, weight: 0.5 }]);
    expect(result).toMatchObject({ items: [{ average: Float32Array.of(2, 3) }] });
    return kernels;
  };
  const kernels = update();
  expect(made(() => update(kernels))).toEqual({ modules: 0, instances: 0 });
  // The averaging kernel itself is compiled for each call of hostKernels.
  expect(made(() => update())).toEqual({ modules: 1, instances: 2 });
});

it('the kernels of sums', () => {
  expect(new WasmSums(64).bytes.length).toBe(64);
  expect(made(() => new WasmSums(64))).toEqual({ modules: 0, instances: 1 });
});
