// The rows of the CPU backend, and of the loops that it replaces.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { hostKernels } from '@polyak/backend-cpu/host';
import type { CpuBackend } from '@polyak/backend-cpu';
import type { HostTensor } from '@polyak/core/interfaces';
import type { Row, Subject } from '../row.js';

const WEIGHT = 1 / 3;
const SIZES = [1_000_000, 10_000_000, 30_000_000];
const GATED_ELEMENTS = 10_000_000;

type Float32Tensor = HostTensor & { readonly data: Float32Array };

/** What the CPU backend does, one row each. "Resident" are tensors that the backend made. */
export function cpuRows(): readonly Row[] {
  return SIZES.flatMap(rowsOf);
}

function rowsOf(elements: number): readonly Row[] {
  const wasm = cpuBackend({ kernel: 'wasm' });
  const js = cpuBackend({ kernel: 'js' });
  const resident = (fill: number): Float32Tensor => uploaded(wasm, filled(elements, fill));
  const plain = (fill: number): Float32Tensor => filled(elements, fill);
  const row = (
    work: string,
    name: string,
    bytesPerElement: number,
    prepare: () => Subject,
    gate?: number,
  ): Row => ({
    work,
    name,
    tensors: 1,
    elements,
    bytesPerElement,
    against: 'set()',
    prepare,
    ...(gate !== undefined && { gate }),
  });
  // A check and an update used to be two calls, 2.47 together where this row is 1.84.
  const gate = elements === GATED_ELEMENTS ? 2.3 : undefined;
  return [
    row('copy', 'dst.set(src) itself', 8, () => copySubject(plain(1), plain(2))),
    row(
      'update',
      'wasm average, resident',
      12,
      () => averageSubject(wasm, resident(1), resident(2)),
      gate,
    ),
    row('update', 'wasm average, live elsewhere', 12, () =>
      stagedSubject(wasm, resident(1), plain(2)),
    ),
    row('update', 'host kernels, all elsewhere', 12, () => hostSubject(plain(1), plain(2))),
    row('update', 'wasm compensated, resident', 20, () =>
      compensatedSubject(wasm, resident(1), resident(0), resident(2)),
    ),
    row('allFinite', 'wasm allFinite, resident', 4, () =>
      finiteSubject(wasm, resident(1), resident(2)),
    ),
    row('swap', 'swap of bytes', 16, () => swapSubject(wasm, resident(1), plain(2))),
    row('update', 'js average (same roundings)', 12, () => scriptSubject(js, plain(1), plain(2))),
    row('update', 'js compensated', 20, () =>
      scriptCompensatedSubject(js, plain(1), plain(0), plain(2)),
    ),
    row('update', 'js naive loop', 12, () => naiveSubject(plain(1), plain(2))),
  ];
}

// A function for each row, so that no two share what the compiler learns about a call.

function copySubject(target: Float32Tensor, source: Float32Tensor): Subject {
  return { variant: () => target.data.set(source.data), reference: yardstick(target, source) };
}

/** An average that each update replaces. */
interface Moving {
  average: Float32Tensor;
  residual?: Float32Tensor;
}

function update(backend: CpuBackend, moving: Moving, live: Float32Tensor): void {
  const { average, residual } = moving;
  const item = residual === undefined ? { average } : { average, residual };
  const result = backend.average([{ ...item, live, weight: WEIGHT }]);
  if (result.kind === 'refused') throw new Error('The bench averages finite numbers.');
  const [moved] = result.items;
  moving.average = moved?.average as Float32Tensor;
  if (residual !== undefined) moving.residual = moved?.residual as Float32Tensor;
}

function averageSubject(backend: CpuBackend, average: Float32Tensor, live: Float32Tensor): Subject {
  const moving: Moving = { average };
  return {
    variant: () => update(backend, moving, live),
    reference: () => moving.average.data.set(live.data),
    release: () => backend.dispose([moving.average, live]),
  };
}

function stagedSubject(backend: CpuBackend, average: Float32Tensor, live: Float32Tensor): Subject {
  const moving: Moving = { average };
  return {
    variant: () => update(backend, moving, live),
    reference: () => moving.average.data.set(live.data),
    release: () => backend.dispose([moving.average]),
  };
}

function hostSubject(average: Float32Tensor, live: Float32Tensor): Subject {
  const kernels = hostKernels({ kernel: 'wasm' });
  let { data } = average;
  return {
    variant: () => {
      const result = kernels.average([{ average: data, live: live.data, weight: WEIGHT }]);
      if (result.kind === 'refused') throw new Error('The bench averages finite numbers.');
      kernels.recycle([data]);
      data = result.items[0]?.average as Float32Array<ArrayBuffer>;
    },
    reference: () => data.set(live.data),
  };
}

// The yardstick overwrites the residuals: from averages that equal the live weights they would
// decay to subnormal numbers.
function compensatedSubject(
  backend: CpuBackend,
  average: Float32Tensor,
  residual: Float32Tensor,
  live: Float32Tensor,
): Subject {
  const moving: Moving = { average, residual };
  return {
    variant: () => update(backend, moving, live),
    reference: () => moving.residual?.data.set(live.data),
    release: () => backend.dispose([moving.average, moving.residual as Float32Tensor, live]),
  };
}

function finiteSubject(backend: CpuBackend, average: Float32Tensor, live: Float32Tensor): Subject {
  return {
    variant: () => backend.allFinite([live]),
    reference: yardstick(average, live),
    release: () => backend.dispose([average, live]),
  };
}

// A loan of host arrays takes two copies: what the model held, and what it holds now.
function swapSubject(backend: CpuBackend, average: Float32Tensor, live: Float32Tensor): Subject {
  const cell = parameter('weights', live);
  return {
    variant: () => backend.dispose(backend.swap([cell], [average]) as readonly HostTensor[]),
    reference: yardstick(average, live),
    release: () => backend.dispose([average]),
  };
}

function scriptSubject(backend: CpuBackend, average: Float32Tensor, live: Float32Tensor): Subject {
  const moving: Moving = { average };
  return {
    variant: () => update(backend, moving, live),
    reference: () => moving.average.data.set(live.data),
  };
}

function scriptCompensatedSubject(
  backend: CpuBackend,
  average: Float32Tensor,
  residual: Float32Tensor,
  live: Float32Tensor,
): Subject {
  const moving: Moving = { average, residual };
  return {
    variant: () => update(backend, moving, live),
    reference: () => moving.residual?.data.set(live.data),
  };
}

function naiveSubject(average: Float32Tensor, live: Float32Tensor): Subject {
  return {
    variant: () => naive(average.data, live.data, WEIGHT),
    reference: yardstick(average, live),
  };
}

function naive(average: Float32Array, live: Float32Array, weight: number): void {
  for (let i = 0; i < average.length; i += 1) {
    const a = average[i] as number;
    average[i] = a + ((live[i] as number) - a) * weight;
  }
}

function yardstick(target: Float32Tensor, source: Float32Tensor): () => void {
  return () => target.data.set(source.data);
}

// Around `fill`, with 1 % of noise.
function filled(elements: number, fill: number): Float32Tensor {
  const noise = Float32Array.from(
    { length: 4096 },
    () => fill * (1 + 0.01 * (Math.random() - 0.5)),
  );
  const data = new Float32Array(elements);
  for (let start = 0; start < elements; start += noise.length) {
    data.set(noise.subarray(0, elements - start), start);
  }
  return { dtype: 'float32', shape: [elements], data };
}

function uploaded(backend: CpuBackend, tensor: HostTensor): Float32Tensor {
  return backend.upload([tensor])[0] as Float32Tensor;
}
