// The rows of the TensorFlow.js backend, against the plain loop over typed arrays that it must keep
// up with.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadTensorFlow, tfjsBackend, variableParameters } from '@polyak/backend-tfjs';
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import type { Row, Subject } from '../row.js';

const WEIGHT = 1 / 3;
const ELEMENTS = 10_000_000;

type Runtime = 'cpu' | 'wasm' | 'tensorflow';

/** Whether `pnpm tensorflow:native` has built the addon. */
const hasTensorFlow = existsSync(
  fileURLToPath(new URL('../../../.tensorflow-native/node_modules', import.meta.url)),
);

/**
 * What the tfjs backend does on cpu, on wasm, and on tensorflow where it was built, one row each.
 */
export function tfjsRows(): readonly Row[] {
  const row = (runtime: Runtime, name: string, bytesPerElement: number, of: SubjectOf): Row => ({
    work: name === 'swap' || name === 'allFinite' ? name : 'update',
    name: `tfjs ${runtime} ${name}`,
    tensors: 1,
    elements: ELEMENTS,
    bytesPerElement,
    against: 'plain loop',
    isPeer: true,
    prepare: async () => prepare(runtime, ELEMENTS, of),
  });
  return [
    { ...row('cpu', 'average', 12, averageOf), gate: 1 },
    row('cpu', 'v.add(p.sub(v).mul(w))', 12, genericOf),
    row('cpu', 'allFinite', 4, finiteOf),
    row('cpu', 'swap', 0, swapOf),
    row('wasm', 'average', 12, averageOf),
    row('wasm', 'allFinite', 4, finiteOf),
    row('wasm', 'swap', 0, swapOf),
    ...(hasTensorFlow ? tensorFlowRows(row) : []),
  ];
}

/**
 * TensorFlow's threads count as CPU time. Measured of the loop, at 10M: subtract, multiply and add,
 * as here, 0.72; subtract and ResourceApplyGradientDescent, which needs averages that are no
 * tensors, 0.41; the m of ResourceApplyAdaMax 0.55; InplaceAdd on slices without a copy, of 64K
 * 0.73, of other lengths 0.86 to 1.36; dataSync, loop and upload 2.06.
 */
function tensorFlowRows(
  row: (runtime: Runtime, name: string, bytesPerElement: number, of: SubjectOf) => Row,
): readonly Row[] {
  return [
    { ...row('tensorflow', 'average', 12, averageOf), gate: 2 },
    row('tensorflow', 'allFinite', 4, finiteOf),
    row('tensorflow', 'swap', 0, swapOf),
  ];
}

/** What a row times, on an average and a live variable of its own. */
type SubjectOf = (moving: Moving, live: tf.Variable) => () => unknown;

/** An average that each update replaces. */
interface Moving {
  average: tf.Tensor;
}

async function prepare(runtime: Runtime, elements: number, of: SubjectOf): Promise<Subject> {
  if (runtime === 'tensorflow') await loadTensorFlow({ backends: ['tfjs-node-gpu'] });
  await tf.setBackend(runtime);
  if (tf.getBackend() !== runtime) throw new Error(`tfjs does not run on ${runtime} here.`);
  const backend = tfjsBackend(tf);
  const [average, uploaded] = backend.upload([1, 2].map((value) => filled(elements, value)));
  const [target, source] = [filled(elements, 1).data, filled(elements, 2).data];
  if (average === undefined || uploaded === undefined) throw new Error('upload gave no tensors');
  const [moving, live] = [{ average }, tf.variable(uploaded)];
  backend.dispose([uploaded]);
  return {
    variant: of(moving, live),
    reference: () => naive(target, source, WEIGHT),
    release() {
      backend.dispose([moving.average]);
      live.dispose();
    },
  };
}

const averageOf: SubjectOf = (moving, live) => {
  const backend = tfjsBackend(tf);
  return async () => {
    const result = await backend.average([{ average: moving.average, live, weight: WEIGHT }]);
    if (result.kind === 'refused') throw new Error('The bench averages finite numbers.');
    moving.average = result.items[0]?.average ?? moving.average;
  };
};

const genericOf: SubjectOf = (moving, live) => () => {
  const { average } = moving;
  moving.average = tf.tidy(() => average.add(live.sub(average).mul(WEIGHT)));
  average.dispose();
};

const finiteOf: SubjectOf = (_, live) => {
  const backend = tfjsBackend(tf);
  return async () => backend.allFinite([live]);
};

// A loan by reference: the model shows the average, and then what it held.
const swapOf: SubjectOf = ({ average }, live) => {
  const backend = tfjsBackend(tf);
  const parameters = variableParameters({ live });
  return async () => {
    const held = await backend.swap(parameters, [average]);
    backend.dispose([...(await backend.swap(parameters, held)), ...held]);
  };
};

function naive(average: Float32Array, live: Float32Array, weight: number): void {
  for (let i = 0; i < average.length; i += 1) {
    const a = average[i] as number;
    average[i] = a + ((live[i] as number) - a) * weight;
  }
}

function filled(
  elements: number,
  value: number,
): { readonly dtype: 'float32'; readonly shape: readonly number[]; readonly data: Float32Array } {
  return { dtype: 'float32', shape: [elements], data: new Float32Array(elements).fill(value) };
}
