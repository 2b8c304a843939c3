// Loads an .onnx file as a model that runs.
import type { HostTensor } from '@polyak/core/interfaces';
import { requireOptions, requireWord, warnerOf } from '@polyak/core/kit';
import { toInference } from './inference-mode.js';
import type { FedGraph } from './fed-graph.js';
import { feedInitializers } from './fed-graph.js';
import { requireOrt } from '../arguments.js';
import { tensorOver } from '../dtype.js';
import { reportLeftOut } from './left-out.js';
import type { OnnxModel, WeightStorage } from './model.js';
import { onnxModel } from './model.js';
import type { SessionOptions } from './model-session.js';
import { openSession } from './model-session.js';
import type { ModelSource } from '../file/model-source.js';
import { labelOf, readModel } from '../file/model-source.js';
import type { ModelWithGraph } from '../file/proto.js';
import type { Ort } from '../ort.js';
import { modelCells } from '../parameter.js';

/** Options of {@link loadOnnxModel}. */
export interface LoadOnnxModelOptions extends SessionOptions {
  /**
   * Names of float initializers that stay in the graph, for nodes that ONNX Runtime runs with
   * constants only. They are not averaged.
   */
  readonly embed?: readonly string[];
  /** The folder of external data. Default: the folder of the file. Data elsewhere are refused. */
  readonly folder?: string;
  /**
   * Where the weights are kept: the backend that averages them, if that computes on a device.
   * Default: host memory.
   */
  readonly backend?: WeightStorage;
  /**
   * `inference` switches batch norm and dropout that were exported in training mode to inference,
   * also in what is saved. Default `as-exported`.
   */
  readonly mode?: 'as-exported' | 'inference';
  /** Receives warnings, such as weights that will not be averaged. Default `console.warn`. */
  readonly onWarning?: (message: string) => void;
}

/** The names of the options that loading a model and averaging models share. */
export const MODEL_OPTIONS: readonly string[] = [
  'executionProviders',
  'session',
  'embed',
  'folder',
  'backend',
  'mode',
] satisfies readonly (keyof LoadOnnxModelOptions)[];

/**
 * Loads a model so that its weights can be averaged, swapped and saved.
 *
 * Every float32, float64 and float16 initializer of the main graph becomes an input that is fed at
 * each run. So exchanging weights exchanges arrays, and no session is rebuilt. Scales, bounds and
 * other constants that an exporter keeps as initializers are fed too; the average of equal values
 * is the same value. ONNX Runtime cannot repack fed weights: a pass with a batch of one takes about
 * twice as long, a pass with a large batch hardly longer.
 *
 * All other weights stay in the graph as they are, and a warning names them: bfloat16, quantized
 * and sparse initializers, initializers of branches and loops, and tensors in Constant nodes. A
 * model that has no other weights is refused.
 *
 * @param ort - the module `onnxruntime-node`
 * @param source - the path of an .onnx file, with external data beside it, or its bytes
 * @param options - see {@link LoadOnnxModelOptions}
 * @returns the model; release it
 * @throws `PolyakError` `ERR_MODEL` where the file cannot be read, is damaged, or ONNX Runtime
 * refuses the model
 * @throws `PolyakError` `ERR_UNSUPPORTED` where none of the model's weights can be averaged
 * @throws TypeError where the source is neither a path nor bytes
 * @throws RangeError where `embed` has a name that no initializer has
 * @example
 * ```ts
 * import * as ort from 'onnxruntime-node';
 * import { loadOnnxModel } from '@polyak/backend-onnx';
 * import { create, toBinary } from '@bufbuild/protobuf';
 * import { ModelProtoSchema } from '@polyak/backend-onnx/proto';
 *
 * // y = x * scale, as an exporter would write it.
 * const type = { value: { case: 'tensorType' as const, value: { elemType: 1, shape: {} } } };
 * const file = create(ModelProtoSchema, {
 *   irVersion: 8n,
 *   opsetImport: [{ version: 17n }],
 *   graph: {
 *     name: 'scaling',
 *     node: [{ opType: 'Mul', input: ['x', 'scale'], output: ['y'] }],
 *     initializer: [{ name: 'scale', dataType: 1, floatData: [3] }],
 *     input: [{ name: 'x', type }],
 *     output: [{ name: 'y', type }],
 *   },
 * });
 *
 * const model = await loadOnnxModel(ort, toBinary(ModelProtoSchema, file));
 * const x = new ort.Tensor('float32', [2], []);
 * const before = await model.run({ x });
 * await model.initializers.get('scale')?.set(new ort.Tensor('float32', [10], []));
 * const after = await model.run({ x });
 * console.log(before['y'].data, after['y'].data); // Float32Array(1) [6] Float32Array(1) [20]
 * await model.release();
 * ```
 * @see https://onnx.ai/onnx/repo-docs/IR.html
 */
export async function loadOnnxModel(
  ort: Ort,
  source: ModelSource,
  options: LoadOnnxModelOptions = {},
): Promise<OnnxModel> {
  requireOrt('loadOnnxModel', ort);
  const given = requireOptions('loadOnnxModel', options, [...MODEL_OPTIONS, 'onWarning']);
  const warn = warnerOf('loadOnnxModel', given.onWarning);
  const label = labelOf(source, 'loadOnnxModel');
  const model = await readModel(source, label, given.folder);
  const fed = takenApart(model, given, label);
  reportLeftOut(fed, new Set(given.embed), label, warn);
  return await modelOf(ort, fed, given, label);
}

/**
 * Separates a model into its graph and its weights, in the mode of the options.
 *
 * @param model - consumed
 * @param options - the mode, and what stays embedded
 * @param label - what messages call the model
 */
export function takenApart(
  model: ModelWithGraph,
  { mode = 'as-exported', embed }: LoadOnnxModelOptions,
  label: string,
): FedGraph {
  requireWord(label, 'mode', mode, ['as-exported', 'inference']);
  if (mode === 'inference') toInference(model, label);
  return feedInitializers(model, new Set(embed), label);
}

/**
 * Makes a model that runs.
 *
 * @param ort - the runtime
 * @param fed - the graph and its weights, which become the cells' tensors without a copy
 * @param options - where it runs
 * @param label - what messages call the model
 */
export async function modelOf(
  ort: Ort,
  fed: FedGraph,
  options: LoadOnnxModelOptions,
  label: string,
): Promise<OnnxModel> {
  const { backend } = options;
  const session = await openSession(ort, fed, options, label);
  try {
    const names = [...fed.weights.keys()];
    const hosts: readonly HostTensor[] = [...fed.weights.values()];
    const tensors =
      backend === undefined
        ? hosts.map((host) => tensorOver(ort, host))
        : await backend.upload(hosts);
    const cells = modelCells(tensors.map((tensor, index) => [names[index] ?? '', tensor]));
    return onnxModel(ort, fed, session, cells, backend);
  } catch (error) {
    await session.release();
    throw error;
  }
}
