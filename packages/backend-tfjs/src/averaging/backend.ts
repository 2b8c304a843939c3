// TensorFlow.js as a backend of weight averaging.
import { PolyakError } from '@polyak/core';
import type {
  AverageItem,
  Awaitable,
  Backend,
  HostTensor,
  Parameter,
  TensorSpec,
} from '@polyak/core/interfaces';
import { requireCount, swapAll } from '@polyak/core/kit';
import type { Tensor, Variable } from '@tensorflow/tfjs-core';
import type { TensorFlow } from '../tensorflow.js';
import { isVariable, requireTensorFlow } from '../tensorflow.js';
import { deviceStorage } from './device-storage.js';
import { readsAtOnce, withElements } from './elements.js';
import { hostStorage } from './host-storage.js';
import type { Storage, VariableItem } from './storage.js';
import { wasmStorage } from './wasm-storage.js';

/**
 * A {@link Backend} of tfjs tensors. It is synchronous on all tfjs backends but webgpu, which reads
 * the device by promises. Tensors that it makes are variables.
 */
export interface TfjsBackend extends Backend<Tensor> {
  upload(tensors: readonly HostTensor[]): readonly Variable[];
  clone(tensors: readonly Tensor[]): readonly Variable[];
  dispose(tensors: readonly Tensor[]): void;
}

const DTYPES = ['float32', 'int32', 'bool'] as const;

/**
 * The tfjs backends that round each element-wise operation as float32 does, as the tests show;
 * tensorflow takes what is smaller than 2^-126 for zero. webgl is not among them: GLSL lets a
 * compiler contract and reorder.
 */
const EXACT = new Set(['cpu', 'wasm', 'webgpu', 'tensorflow']);

/**
 * The active backend of TensorFlow.js, as a backend of weight averaging.
 *
 * Live tensors are the model's `tf.Variable`s. Averages are untrainable variables, so that
 * `tf.tidy`, engine scopes and optimizers leave them alone; `tf.disposeVariables()` does not. A
 * swap exchanges contents by reference.
 *
 * @param tf - TensorFlow.js, its backend set and ready. Later calls are refused once another one is
 * active.
 * @returns the backend, named `tfjs:` and what `tf.getBackend()` says now
 * @throws TypeError where `tf` is not TensorFlow.js, or more arguments are given
 * @throws PolyakError `ERR_UNSUPPORTED` where no backend is ready yet, or its floats have 16 bits
 * only
 *
 * @example
 * ```ts
 * import * as tf from '@tensorflow/tfjs';
 * import { observedOptimizer, SWA } from '@polyak/core';
 * import { tfjsBackend, variableParameters } from '@polyak/backend-tfjs';
 *
 * await tf.setBackend('cpu');
 * const weight = tf.variable(tf.tensor1d([0, 0]));
 * const params = variableParameters({ weight });
 * const swa = new SWA(observedOptimizer([{ params, lr: 0.1 }]), { backend: tfjsBackend(tf) });
 *
 * for (const value of [1, 2, 6]) {
 *   weight.assign(tf.tensor1d([value, value])); // an optimizer's step
 *   await swa.updateSwa();
 * }
 * await swa.swapSwaSgd();
 * console.log(await weight.array()); // [3, 3]
 * ```
 *
 * @see https://js.tensorflow.org/api/4.22.0/
 */
export function tfjsBackend(tf: TensorFlow): TfjsBackend {
  requireCount('tfjsBackend', arguments.length, 1);
  requireTensorFlow('tfjsBackend', tf);
  const active = activeBackend(tf);
  const storage = storageOf(tf, active);
  /** What swaps took out of a model. */
  const taken = new WeakSet<Tensor>();

  function requireActive(call: string): void {
    if (tf.getBackend() === active) return;
    throw new PolyakError(
      'ERR_UNSUPPORTED',
      `${call}: this backend was made for tfjs's "${active}", but "${tf.getBackend()}" is active ` +
        'now. Set the backend before the model is built, and do not change it.',
    );
  }

  return {
    specVersion: 1,
    name: `tfjs:${active}`,
    dtypes: DTYPES,
    isSynchronous: readsAtOnce(tf),
    canCompensate: EXACT.has(active),

    spec,

    upload(tensors) {
      requireActive('upload');
      return makeAll(tensors, storage.hold);
    },

    download(tensors) {
      requireActive('download');
      requireAlive('download', tensors);
      return withElements(tf, tensors, (arrays) =>
        arrays.map((data, index) => ({
          ...spec(tensors[index] as Tensor),
          data: data as HostTensor['data'],
        })),
      );
    },

    clone(tensors) {
      requireActive('clone');
      requireAlive('clone', tensors);
      return makeAll(tensors, storage.clone);
    },

    allFinite(tensors) {
      requireActive('allFinite');
      requireAlive('allFinite', tensors);
      const questionable = tensors.filter(({ dtype, size }) => dtype === 'float32' && size > 0);
      const toAll = (answers: readonly boolean[]): readonly boolean[] => {
        const bad = new Set(questionable.filter((_, index) => answers[index] !== true));
        return tensors.map((tensor) => !bad.has(tensor));
      };
      const answers = storage.allFinite(questionable);
      return answers instanceof Promise ? answers.then(toAll) : toAll(answers);
    },

    average(items, { allowNonFinite = false } = {}) {
      requireActive('average');
      requireAlive(
        'average',
        items.map(({ live }) => live),
      );
      return storage.average(items.map(variableItem), allowNonFinite);
    },

    swap(
      parameters: readonly Parameter<Tensor>[],
      tensors: readonly Tensor[],
    ): Awaitable<readonly Tensor[]> {
      requireActive('swap');
      storage.share(requireAlive('swap', tensors));
      const places = parameters.map((parameter, index) => {
        const tensor = tensors[index] as Tensor;
        if (!parameter.get().isDisposed || !taken.has(tensor)) return parameter;
        // The model was disposed of since, and what it held has no place to go back to.
        return { ...parameter, get: () => tensor, set: () => {} };
      });
      requireAlive(
        'swap',
        places.map((place) => place.get()),
      );
      // A new variable refers to the contents of another tensor, without a copy.
      const hold = (held: readonly Tensor[]): readonly Variable[] => {
        const variables = makeAll(held, (tensor) => tf.variable(tensor, false));
        for (const variable of variables) taken.add(variable);
        return variables;
      };
      return swapAll({ hold, dispose }, places, tensors);
    },

    dispose,
  };
}

function storageOf(tf: TensorFlow, active: string): Storage {
  if (active === 'cpu') return hostStorage(tf);
  return (active === 'wasm' ? wasmStorage(tf) : undefined) ?? deviceStorage(tf);
}

function dispose(tensors: readonly Tensor[]): void {
  // A variable does not notice that it was disposed of before, and would count its data down twice.
  for (const tensor of tensors) if (!tensor.isDisposed) tensor.dispose();
}

function activeBackend(tf: TensorFlow): string {
  // Before tfjs is ready this is undefined, whatever its type says.
  const active = tf.getBackend() as string | undefined;
  if (!active) {
    throw new PolyakError(
      'ERR_UNSUPPORTED',
      "tfjsBackend: tfjs has no active backend yet. Await tf.setBackend('wasm') or tf.ready() " +
        'first.',
    );
  }
  if (floatBits(tf, active) < 32) {
    throw new PolyakError(
      'ERR_UNSUPPORTED',
      `tfjsBackend: "${active}" has 16-bit floats on this device, which lose averages. Set ` +
        'another backend, such as wasm.',
    );
  }
  return active;
}

function floatBits(tf: TensorFlow, active: string): number {
  if (active !== 'webgl') return tf.backend().floatPrecision();
  // floatPrecision says 16 where textures have 32 bits, and mostly 32 where they have 16
  // (tfjs issue 6980).
  return tf.env().getBool('WEBGL_RENDER_FLOAT32_ENABLED') ? 32 : 16;
}

function spec({ dtype, shape }: Tensor): TensorSpec {
  if (dtype === 'complex64' || dtype === 'string') {
    throw new PolyakError(
      'ERR_UNSUPPORTED',
      `spec: the tensor is ${dtype}, expected ${DTYPES.join(', ')}. Leave it out.`,
    );
  }
  return { dtype, shape };
}

/** One variable for each item, or, where one cannot be made, none. */
function makeAll<Item>(
  items: readonly Item[],
  make: (item: Item) => Variable,
): readonly Variable[] {
  const made: Variable[] = [];
  try {
    for (const item of items) made.push(make(item));
  } catch (error) {
    for (const variable of made) variable.dispose();
    throw error;
  }
  return made;
}

function variableItem({ average, residual, live, weight }: AverageItem<Tensor>): VariableItem {
  const item = { average: variableOf(average), live, weight };
  return residual === undefined ? item : { ...item, residual: variableOf(residual) };
}

function variableOf(tensor: Tensor): Variable {
  requireAlive('average', [tensor]);
  if (isVariable(tensor)) return tensor;
  throw new TypeError(
    'average: an average is a tf.Tensor, expected a variable. Make averages by upload or clone.',
  );
}

function requireAlive(call: string, tensors: readonly Tensor[]): readonly Tensor[] {
  const index = tensors.findIndex(({ isDisposed }) => isDisposed);
  const disposed = tensors[index];
  if (disposed === undefined) return tensors;
  const found = isVariable(disposed) ? `the variable "${disposed.name}"` : `tensor ${index}`;
  throw new PolyakError(
    'ERR_DISPOSED',
    `${call}: ${found} was disposed of, expected one in use. Dispose of a model, or call ` +
      'tf.disposeVariables, only after the averages of its weights were disposed of.',
  );
}
