// Saving and loading the state of SWA, against writing and reading as many bytes.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import {
  fromSafetensors,
  observedOptimizer,
  SWA,
  toSafetensors,
  toSafetensorsChunks,
} from '@polyak/core';
import type { HostTensor } from '@polyak/core/interfaces';
import type { Row, Subject } from '../row.js';

/** How many elements there are, in how many tensors of one size. */
interface Size {
  readonly elements: number;
  readonly tensors: number;
}

const [LIMITED, MOST_TENSORS] = [100_000_000, 100_000];
const SIZES: readonly Size[] = [
  { elements: 10_000_000, tensors: 160 },
  { elements: LIMITED, tensors: 1 },
  { elements: LIMITED, tensors: 160 },
  { elements: 10_000_000, tensors: MOST_TENSORS },
];
/** The ratio to reach at 100M weights, saved without a copy. */
const LIMITS = { target: 1.3, gate: 1.8 };
const MANY = {
  note: 'Each tensor costs about 10 µs, for its name, its checks and its line of the header.',
};

/** A call takes up to a second. */
const PAIRS = 15;

type Save = (swa: SWA<HostTensor>, path: string) => Promise<void>;

/** The ways to save. */
export type SaveName = 'withStateDict, chunks' | 'stateDict, chunks' | 'stateDict, one array';

/** What each does. */
export const SAVES: Readonly<Record<SaveName, Save>> = {
  'withStateDict, chunks': (swa, path) =>
    swa.withStateDict((state) => writeFile(path, toSafetensorsChunks(state))),
  'stateDict, chunks': async (swa, path) =>
    writeFile(path, toSafetensorsChunks(await swa.stateDict())),
  'stateDict, one array': async (swa, path) =>
    writeFile(path, toSafetensors(await swa.stateDict())),
};

/** The rows of files. */
export function filesRows(): readonly Row[] {
  return SIZES.flatMap((size) => [
    ...Object.entries(SAVES).map(([name, save], index) => ({
      work: 'save',
      name,
      ...size,
      against: 'writing the bytes',
      pairs: PAIRS,
      ...(index === 0 && size.elements === LIMITED ? LIMITS : {}),
      ...(size.tensors === MOST_TENSORS ? MANY : {}),
      prepare: () => saveSubject(size, save),
    })),
    {
      work: 'load',
      name: 'fromSafetensors with copy: false, loadStateDict',
      ...size,
      against: 'reading the file',
      pairs: PAIRS,
      prepare: () => loadSubject(size),
    },
  ]);
}

async function saveSubject(size: Size, save: Save): Promise<Subject> {
  const folder = await mkdtemp(join(tmpdir(), 'polyak-bench-'));
  const swa = await averagedSWA(size);
  const bytes = new Uint8Array(4 * size.elements).fill(1);
  const [saved, written] = [join(folder, 'state'), join(folder, 'bytes')];
  return {
    variant: () => save(swa, saved),
    reference: () => writeFile(written, bytes),
    release: () => rm(folder, { recursive: true }),
  };
}

async function loadSubject(size: Size): Promise<Subject> {
  const folder = await mkdtemp(join(tmpdir(), 'polyak-bench-'));
  const swa = await averagedSWA(size);
  const path = join(folder, 'state');
  await swa.withStateDict((state) => writeFile(path, toSafetensorsChunks(state)));
  return {
    variant: async () => swa.loadStateDict(fromSafetensors(await readFile(path), { copy: false })),
    reference: () => readFile(path),
    release: () => rm(folder, { recursive: true }),
  };
}

/** A SWA after one update. */
export async function averagedSWA({ elements, tensors }: Size): Promise<SWA<HostTensor>> {
  const length = elements / tensors;
  const params = Array.from({ length: tensors }, (_, n) => {
    const data = new Float32Array(length).fill(1 + n / tensors);
    return parameter(`layer${n}.weight`, { dtype: 'float32', shape: [length], data });
  });
  const swa = new SWA(observedOptimizer([{ params, lr: 0.1 }]), { backend: cpuBackend() });
  await swa.updateSwa();
  return swa;
}
