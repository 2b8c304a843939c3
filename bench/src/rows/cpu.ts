// The rows of the CPU backend. Its users have ordinary typed arrays; "resident" are tensors that
// the backend made.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import { hostKernels } from '@polyak/backend-cpu/host';
import type { HostTensor } from '@polyak/core/interfaces';
import type { Row } from '../row.js';
import { copies, filled, plainLoop, tensorOf, WEIGHT } from './shared/arrays.js';
import { limited } from './shared/limits.js';
import type { Limit } from './shared/limits.js';
import type { Mode, Operation } from './shared/mode.js';
import { otherRows, rowOf, SET, updateRows } from './shared/rows.js';
import { inMany, inOne, SIZES } from './shared/sizes.js';
import type { Size } from './shared/sizes.js';
import { average, averageResident, updateSwa } from './shared/updating.js';

const MILLION = 1_000_000;

const LIMITS: readonly Limit[] = [
  {
    name: 'cpu:wasm, SWA.updateSwa',
    against: 'set()',
    elements: 10 * MILLION,
    tensors: 1,
    target: 1.55,
    gate: 3.2,
  },
  {
    name: 'cpu:wasm, SWA.updateSwa',
    against: 'set()',
    elements: 100 * MILLION,
    tensors: 1,
    target: 1.55,
  },
  // A check and an update were two calls once, 2.47 together.
  { name: 'cpu:wasm, average, resident', elements: 10 * MILLION, gate: 2.3 },
  { name: 'cpu:wasm, average, compensated, resident', target: 1.8, gate: 3.6 },
  { name: 'cpu:wasm, SWA.swapSwaSgd twice', target: 2.2, gate: 3.2 },
  { name: 'cpu:wasm, swap in and out', target: 2.2, gate: 3.2 },
  { name: 'hostKernels, average', elements: 10 * MILLION, tensors: 1, target: 1.8, gate: 4.2 },
  {
    name: 'cpu:js, SWA.updateSwa',
    against: 'plain loop',
    elements: 10 * MILLION,
    tensors: 1,
    gate: 2,
  },
];

/** The rows of the CPU backend on both kernels, and of the plain loop. */
export function cpuRows(): readonly Row[] {
  const [wasm, js] = [cpuMode('wasm'), cpuMode('js')];
  const rows = [
    ...loopRows(),
    ...updateRows(wasm, []),
    ...residentRows(wasm),
    ...hostRows(),
    ...compensatedRows(wasm),
    ...otherRows(wasm, 10 * MILLION),
    ...updateRows(js, [], 10 * MILLION),
    ...otherRows(js, 10 * MILLION),
  ];
  return limited(rows, LIMITS);
}

/** The CPU backend with one of its kernels. */
export function cpuMode(kernel: 'wasm' | 'js'): Mode<HostTensor> {
  return {
    name: `cpu:${kernel}`,
    open: () => ({
      backend: cpuBackend({ kernel }),
      live: (arrays) => ({
        parameters: arrays.map((data, index) => parameter(`weight${index}`, tensorOf(data))),
        refresh: () => {}, // the arrays themselves are the live weights
        dispose: () => {},
      }),
    }),
  };
}

/** What everything else is compared with, and `set()` itself, which says how quiet it is. */
function loopRows(): readonly Row[] {
  const setRow = (size: Size): Row => ({
    work: 'update',
    name: 'set() of other arrays',
    tensors: size.lengths.length,
    elements: size.elements,
    against: 'set()',
    bytesPerElement: 8,
    prepare: () => ({
      variant: copies(filled(size.lengths, 1), filled(size.lengths, 2)),
      reference: copies(filled(size.lengths, 1), filled(size.lengths, 2)),
    }),
  });
  const loopRow = (size: Size): Row => ({
    ...setRow(size),
    name: 'plain loop',
    bytesPerElement: 12,
    prepare() {
      const [averages, live] = [filled(size.lengths, 1), filled(size.lengths, 2)];
      return { variant: plainLoop(averages, live), reference: copies(averages, live) };
    },
  });
  const sizes = SIZES.filter(({ elements }) => elements <= 10 * MILLION);
  return [setRow(inOne(10 * MILLION)), ...sizes.map(loopRow)];
}

function residentRows(mode: Mode<HostTensor>): readonly Row[] {
  const work = { work: 'update', call: 'average, resident', bytesPerElement: 12 };
  const sizes = [MILLION, 10 * MILLION, 100 * MILLION].map(inOne);
  return sizes.map((size) => rowOf(mode, { ...work, of: averageResident() }, SET, size));
}

/** The kernels that other backends use, with both operands in ordinary arrays. */
function hostRows(): readonly Row[] {
  return [inOne(MILLION), inMany(MILLION), inOne(10 * MILLION)].map((size) => ({
    work: 'update',
    name: 'hostKernels, average',
    tensors: size.lengths.length,
    elements: size.elements,
    against: 'set()',
    bytesPerElement: 12,
    prepare() {
      const [averages, live] = [filled(size.lengths, 1), filled(size.lengths, 2)];
      return {
        variant: hostAverage(averages, live),
        reference: copies(filled(size.lengths, 0), live),
      };
    },
  }));
}

function hostAverage(first: readonly Float32Array[], live: readonly Float32Array[]): Operation {
  const kernels = hostKernels({ kernel: 'wasm' });
  let averages = first;
  return () => {
    const items = averages.map((each, index) => ({
      average: each,
      live: live[index] ?? each,
      weight: WEIGHT,
    }));
    const result = kernels.average(items);
    if (result.kind === 'refused') throw new Error('The bench averages finite numbers.');
    kernels.recycle(averages);
    averages = result.items.map((item) => item.average as Float32Array);
  };
}

function compensatedRows(mode: Mode<HostTensor>): readonly Row[] {
  const work = { work: 'update', bytesPerElement: 20 };
  const works = [
    {
      ...work,
      call: 'average, compensated, resident',
      of: averageResident({ isCompensated: true }),
    },
    { ...work, call: 'average, compensated', of: average({ isCompensated: true }) },
    { ...work, call: 'SWA.updateSwa, compensated', of: updateSwa({ compensated: true }) },
  ];
  return works.map((each) => rowOf(mode, each, SET, inOne(10 * MILLION)));
}
