// The rows of the gpu.js backend against the plain loop over typed arrays, in each mode that runs
// here: headlessgl where `gl` is built and there is an X display
// (`xvfb-run -a npx -y pnpm@12 bench`).
import { gpujsBackend, gpujsParameter, gpujsTensor } from '@polyak/backend-gpujs';
import type { GpujsBackend, GpujsMode, GpujsTensor } from '@polyak/backend-gpujs';
import gpujs from 'gpu.js';
import type { Row, Subject } from '../row.js';

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

/** What the gpu.js backend does with live weights in arrays, one row each. */
export function gpujsRows(): readonly Row[] {
  return MODES.flatMap((mode) => {
    const row = (
      work: string,
      name: string,
      bytesPerElement: number,
      lengths: readonly number[],
      of: SubjectOf,
    ): Row => ({
      work,
      name: `gpujs ${mode} ${name}`,
      tensors: lengths.length,
      elements: lengths.reduce((sum, length) => sum + length, 0),
      bytesPerElement,
      against: 'plain loop',
      isPeer: true,
      prepare: async () => prepare(mode, lengths, of),
    });
    const many = Array.from({ length: SMALL.tensors }, () => SMALL.elements);
    return [
      row('update', 'average', 12, [ELEMENTS], averageOf),
      row('update', 'average', 12, many, averageOf),
      row('update', 'average', 12, [MANY_ELEMENTS], averageOf),
      row('allFinite', 'allFinite', 4, [ELEMENTS], finiteOf),
      row('swap', 'average, swap and back', 12, [ELEMENTS], swapOf),
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
