// The rows of the ONNX Runtime backend on cpu, against the plain loop over typed arrays that it
// must keep up with.
import { onnxBackend, onnxParameter } from '@polyak/backend-onnx';
import type { OnnxBackend } from '@polyak/backend-onnx';
import type { AveragedItem, AverageItem } from '@polyak/core/interfaces';
import * as ort from 'onnxruntime-node';
import type { Row, Subject } from '../row.js';

const WEIGHT = 1 / 3;
const [ELEMENTS, MANY_ELEMENTS] = [10_000_000, 100_000_000];
/** As many tensors as a large convolutional network has, each of them small. */
const SMALL = { tensors: 160, elements: 6250 };

/** What the ONNX Runtime backend does on cpu, one row each. */
export function onnxRows(): readonly Row[] {
  const row = (
    name: string,
    bytesPerElement: number,
    lengths: readonly number[],
    of: SubjectOf,
  ): Row => ({
    work: name === 'swap' || name === 'allFinite' ? name : 'update',
    name: `onnx cpu ${name}`,
    tensors: lengths.length,
    elements: lengths.reduce((sum, length) => sum + length, 0),
    bytesPerElement,
    against: 'plain loop',
    isPeer: true,
    prepare: async () => prepare(lengths, of),
  });
  const many = Array.from({ length: SMALL.tensors }, () => SMALL.elements);
  return [
    row('average', 12, many, averageOf),
    { ...row('average', 12, [ELEMENTS], averageOf), gate: 1 },
    { ...row('average', 12, [MANY_ELEMENTS], averageOf), gate: 1 },
    row('compensated', 20, [ELEMENTS], compensatedOf),
    row('allFinite', 4, [ELEMENTS], finiteOf),
    row('swap', 0, [ELEMENTS], swapOf),
  ];
}

/** What a row times, on averages and live tensors of its own. */
type SubjectOf = (
  backend: OnnxBackend,
  averages: readonly ort.Tensor[],
  live: readonly ort.Tensor[],
) => Promise<() => unknown>;

async function prepare(lengths: readonly number[], of: SubjectOf): Promise<Subject> {
  const backend = await onnxBackend(ort);
  const [averages, live] = [1, 2].map((value) =>
    lengths.map(
      (length) => new ort.Tensor('float32', new Float32Array(length).fill(value), [length]),
    ),
  );
  const [targets, sources] = [1, 2].map((value) =>
    lengths.map((length) => new Float32Array(length).fill(value)),
  );
  if (!averages || !live || !targets || !sources) throw new Error('unreachable');
  return {
    variant: await of(backend, averages, live),
    reference: () =>
      targets.forEach((target, n) => naive(target, sources[n] as Float32Array, WEIGHT)),
    release: async () => backend.release(),
  };
}

const averageOf: SubjectOf = async (backend, averages, live) =>
  updating(
    backend,
    averages.map((average, n) => ({ average, live: live[n] as ort.Tensor, weight: WEIGHT })),
  );

const compensatedOf: SubjectOf = async (backend, averages, live) =>
  updating(
    backend,
    averages.map((average, n) => ({
      average,
      residual: new ort.Tensor('float32', new Float32Array(average.size), [average.size]),
      live: live[n] as ort.Tensor,
      weight: WEIGHT,
    })),
  );

/** Each update goes on from the results of the one before. */
function updating(backend: OnnxBackend, first: readonly AverageItem<ort.Tensor>[]): () => unknown {
  let items = first;
  return async () => {
    const result = await backend.average(items);
    if (result.kind === 'refused') throw new Error('refused');
    items = items.map((item, n) => ({ ...item, ...statesOf(result.items[n]) }));
  };
}

function statesOf(item: AveragedItem<ort.Tensor> | undefined): Partial<AverageItem<ort.Tensor>> {
  if (item === undefined) return {};
  const { average, residual } = item;
  return { average, ...(residual !== undefined && { residual }) };
}

const finiteOf: SubjectOf = async (backend, _, live) => async () => backend.allFinite(live);

const swapOf: SubjectOf = async (backend, averages, live) => {
  const parameters = live.map((tensor, n) => onnxParameter(`p${n}`, tensor));
  let tensors = averages;
  return async () => {
    tensors = await backend.swap(parameters, tensors);
  };
};

function naive(average: Float32Array, live: Float32Array, weight: number): void {
  for (let i = 0; i < average.length; i += 1) {
    const a = average[i] as number;
    average[i] = a + ((live[i] as number) - a) * weight;
  }
}
