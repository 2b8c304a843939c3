// The rows of the gpu.js backend against the plain loop over typed arrays, in each mode that runs
// here: headlessgl where `gl` is built and there is an X display
// (`xvfb-run -a npx -y pnpm@12 bench`).
import { gpujsBackend, gpujsParameter, gpujsTensor } from '@polyak/backend-gpujs';
import type { GpujsBackend, GpujsMode, GpujsTensor } from '@polyak/backend-gpujs';
import gpujs from 'gpu.js';
import type { Row, Subject } from './row.js';

const WEIGHT = 1 / 3;
const [ELEMENTS, MANY_ELEMENTS] = [1_000_000, 10_000_000];
/**
 * As many tensors as a large convolutional network has, each of them small: together as many
 * elements as the one tensor.
 */
const SMALL = { tensors: 160, elements: 6250 };

const { GPU } = gpujs;
const MODES: readonly GpujsMode[] = GPU.isHeadlessGLSupported
  ? ['cpu', 'webasm', 'headlessgl']
  : ['cpu', 'webasm'];

/**
 * What the gpu.js backend does with live weights in arrays, one row each.
 *
 * @param elements - at 1M come rows for one tensor and for many small ones, at 10M one for one
 * tensor
 * @returns the rows
 */
export function gpujsRows(elements: number): readonly Row[] {
  return MODES.flatMap((mode) => {
    const row = (
      name: string,
      bytesPerElement: number,
      lengths: readonly number[],
      of: SubjectOf,
    ): Row => ({
      name: `gpujs ${mode} ${name}`,
      elements: lengths.reduce((sum, length) => sum + length, 0),
      bytesPerElement,
      against: 'loop',
      prepare: async () => prepare(mode, lengths, of),
    });
    if (elements === MANY_ELEMENTS) return [row('average', 12, [elements], averageOf)];
    if (elements !== ELEMENTS) return [];
    const many = Array.from({ length: SMALL.tensors }, () => SMALL.elements);
    return [
      row('average', 12, [elements], averageOf),
      row(`average, ${SMALL.tensors} tensors`, 12, many, averageOf),
      row('allFinite', 4, [elements], finiteOf),
      row('average, swap and back', 12, [elements], swapOf),
    ];
  });
}

/** What a row times, on averages and live tensors of its own. */
type SubjectOf = (backend: GpujsBackend, live: readonly GpujsTensor[]) => Promise<() => unknown>;

async function prepare(
  mode: GpujsMode,
  lengths: readonly number[],
  of: SubjectOf,
): Promise<Subject> {
  const backend = await gpujsBackend({ GPU, mode });
  const [targets, sources] = [1, 2].map((value) =>
    lengths.map((length) => new Float32Array(length).fill(value)),
  );
  if (!targets || !sources) throw new Error('unreachable');
  return {
    variant: await of(
      backend,
      sources.map((data) => gpujsTensor(data)),
    ),
    reference: () =>
      targets.forEach((target, n) => naive(target, sources[n] as Float32Array, WEIGHT)),
    release: async () => backend.release(),
  };
}

const averageOf: SubjectOf = async (backend, live) => {
  let averages = await backend.clone(live);
  return async () => (averages = await moved(backend, averages, live));
};

const finiteOf: SubjectOf = async (backend, live) => async () => backend.allFinite(live);

/**
 * A swap of averages that were just updated, which is when they have to travel, and the one back.
 */
const swapOf: SubjectOf = async (backend, live) => {
  const parameters = live.map(({ data }, n) => gpujsParameter(`p${n}`, data as Float32Array));
  let averages = await backend.clone(live);
  return async () => {
    averages = await moved(backend, averages, live);
    const held = await backend.swap(parameters, averages);
    const shown = await backend.swap(parameters, held);
    backend.dispose([...held, ...shown]);
  };
};

async function moved(
  backend: GpujsBackend,
  averages: readonly GpujsTensor[],
  live: readonly GpujsTensor[],
): Promise<readonly GpujsTensor[]> {
  const result = await backend.average(
    averages.map((average, n) => ({ average, live: live[n] as GpujsTensor, weight: WEIGHT })),
  );
  if (result.kind === 'refused') throw new Error('unreachable');
  return result.items.map(({ average }) => average);
}

function naive(average: Float32Array, live: Float32Array, weight: number): void {
  for (let i = 0; i < average.length; i += 1) {
    const a = average[i] as number;
    average[i] = a + ((live[i] as number) - a) * weight;
  }
}
