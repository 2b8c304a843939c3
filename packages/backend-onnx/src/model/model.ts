// A model whose weights are fed at every run, so that they can be exchanged.
import { PolyakError } from '@polyak/core';
import type { Backend, HostTensor } from '@polyak/core/interfaces';
import { formatSpec, sameSpec } from '@polyak/core/interfaces';
import { requireOptions } from '@polyak/core/kit';
import type { ModelProto } from '../proto/onnx_pb.js';
import type { Tensor } from 'onnxruntime-node';
import { averagedNames } from './averaged-names.js';
import { batchNormStatistics } from './batch-norm-statistics.js';
import type { Bytes } from '../file/bytes.js';
import { bytesOf } from '../file/bytes.js';
import { elementsOf, specOf, tensorOver } from '../dtype.js';
import type { FedGraph } from './fed-graph.js';
import type { SaveOptions } from '../save/model-files.js';
import { modelBytes, writeModel } from '../save/model-files.js';
import type { ModelSession } from './model-session.js';
import type { Ort } from '../ort.js';
import type { ModelCells, OnnxParameter } from '../parameter.js';
import { whileHeld } from '../references.js';

/** A model whose float weights are cells. The next run computes with what the cells hold. */
export interface OnnxModel {
  /** The graph that runs. The weights are among its inputs. Do not change it. */
  readonly proto: ModelProto;
  /** The names of the inputs of {@link OnnxModel.run}, in the order of the file. */
  readonly inputNames: readonly string[];
  /** The names of the outputs of {@link OnnxModel.run}, in the order of the file. */
  readonly outputNames: readonly string[];
  /**
   * The weights by name: all float32, float64 and float16 initializers of the main graph. The model
   * owns the tensors.
   */
  readonly initializers: ReadonlyMap<string, OnnxParameter>;
  /**
   * What to average: all weights but the running mean and variance of batch norm, which `bnUpdate`
   * estimates; the scales of quantized weights, which belong to integers that cannot be averaged;
   * and constants that hold an infinity, such as attention masks, which have no average.
   */
  readonly parameters: readonly OnnxParameter[];
  /**
   * Runs the model once with its present weights.
   *
   * @param feeds - a tensor for each of {@link OnnxModel.inputNames}
   * @returns a tensor for each output; the caller owns them
   * @throws TypeError where a feed is missing or unknown
   * @throws `PolyakError` `ERR_MODEL` where ONNX Runtime refuses the feeds, `ERR_UNSUPPORTED` where
   * a tensor is on another device than the model, `ERR_DISPOSED` after {@link OnnxModel.release}
   */
  run(feeds: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>>;
  /**
   * Writes the model with its present weights. Everything else stays as it was read: nodes,
   * metadata, opsets, functions, fields that this package does not know.
   *
   * The file is written under another name and then renamed, so a failure changes nothing. A
   * process that is killed may leave a file that ends in `.partial`. A replaced file keeps its
   * mode, and a link stays a link. Where one file replaces a split model, its data file
   * `model.onnx.data` is removed, unless another .onnx file in the folder refers to it. A data file
   * that another model refers to is not replaced either.
   *
   * @param path - of the .onnx file; replaced where it exists
   * @param options - one file, or a second one for the data
   * @throws `PolyakError` `ERR_MODEL` where the file cannot be written, `ERR_UNSUPPORTED` where one
   * file cannot hold it, `ERR_PARAMETERS` where a weight has another dtype or shape than the
   * file's, `ERR_DISPOSED` after {@link OnnxModel.release}
   */
  save(path: string, options?: SaveOptions): Promise<void>;
  /**
   * The model as the bytes of one file.
   *
   * @returns new bytes
   * @throws `PolyakError` as {@link OnnxModel.save}
   */
  toBytes(): Promise<Uint8Array>;
  /** Frees the session after the last run has ended. The model cannot be used afterwards. */
  release(): Promise<void>;
}

/** Where a model keeps its weights: the part of a backend that holds tensors on a device. */
export type WeightStorage = Pick<Backend<Tensor>, 'upload' | 'download' | 'dispose'>;

/**
 * Makes a model of a session and its weights.
 *
 * @param ort - the runtime
 * @param fed - the graph and its weights
 * @param session - made of `fed.proto`
 * @param weights - a cell for each of `fed.weights`
 * @param storage - where the cells' tensors are; undefined for host memory
 */
export function onnxModel(
  ort: Ort,
  fed: FedGraph,
  session: ModelSession,
  weights: ModelCells,
  storage: WeightStorage | undefined,
): OnnxModel {
  const { template, proto } = fed;
  const { cells } = weights;
  const specs = new Map(
    [...fed.weights].map(([name, { dtype, shape }]) => [name, { dtype, shape }]),
  );
  const statistics = batchNormStatistics(template);
  const averaged = averagedNames(fed);
  const embedded = new Set(template.graph.initializer.map(({ name }) => name));
  const inputNames = template.graph.input
    .map(({ name }) => name)
    .filter((name) => !embedded.has(name));

  async function weightBytes(call: string): Promise<ReadonlyMap<string, Bytes>> {
    session.requireOpen(call);
    const tensors = cells.map((cell) => cell.get());
    for (const [index, { name }] of cells.entries())
      requireSpec(call, name, tensors[index], specs.get(name));
    const hosts =
      storage === undefined ? tensors.map(inHostMemory) : await storage.download(tensors);
    return new Map(
      cells.map(({ name }, index) => [name, bytesOf((hosts[index] as HostTensor).data)]),
    );
  }

  return {
    proto,
    inputNames,
    outputNames: template.graph.output.map(({ name }) => name),
    initializers: new Map(cells.map((cell) => [cell.name, cell])),
    parameters: cells.filter(({ name }) => averaged.has(name)),
    async run(feeds) {
      session.requireOpen('run');
      checkFeeds(feeds, inputNames, specs);
      const held = cells.map((cell) => cell.get());
      const named = cells.map(({ name }, index) => {
        const tensor = held[index] as Tensor;
        return [name, statistics.has(name) ? copied(ort, tensor) : tensor] as const;
      });
      const all = Object.fromEntries([...named, ...Object.entries(feeds)]);
      return whileHeld(held, async () => session.run(all));
    },
    async save(path, options = {}) {
      const given = requireOptions('save', options, ['externalData']);
      await writeModel(path, template, await weightBytes('save'), given);
    },
    async toBytes() {
      return modelBytes(template, await weightBytes('toBytes'));
    },
    async release() {
      await session.release();
      weights.release();
    },
  };
}

/**
 * A copy for a run to write over: for batch norm in training mode, ONNX Runtime writes the new
 * running statistics over the old ones.
 */
function copied(ort: Ort, tensor: Tensor): Tensor {
  return tensor.location === 'cpu'
    ? tensorOver(ort, { ...specOf(tensor), data: elementsOf(tensor).slice() })
    : tensor;
}

function inHostMemory(tensor: Tensor): HostTensor {
  if (tensor.location !== 'cpu' && tensor.location !== 'cpu-pinned') {
    throw new PolyakError(
      'ERR_UNSUPPORTED',
      `A weight has the location "${tensor.location}". Load the model with the option ` +
        '`backend` to read it back.',
    );
  }
  return { ...specOf(tensor), data: elementsOf(tensor) };
}

function requireSpec(
  call: string,
  name: string,
  tensor: Tensor | undefined,
  expected: Pick<HostTensor, 'dtype' | 'shape'> | undefined,
): void {
  if (tensor === undefined || expected === undefined) return;
  if (tensor.location === 'none') {
    throw new PolyakError(
      'ERR_DISPOSED',
      `${call}: the tensor of "${name}" was disposed of. Set another one.`,
    );
  }
  const found = specOf(tensor);
  if (sameSpec(found, expected)) return;
  throw new PolyakError(
    'ERR_PARAMETERS',
    `${call}: "${name}" is ${formatSpec(found)}, expected ${formatSpec(expected)} as in the ` +
      'file. Set such a tensor.',
  );
}

function checkFeeds(
  feeds: Readonly<Record<string, Tensor>>,
  inputNames: readonly string[],
  weights: ReadonlyMap<string, unknown>,
): void {
  const expected = inputNames.join(', ');
  const missing = inputNames.filter((name) => !Object.hasOwn(feeds, name));
  if (missing.length > 0) {
    throw new TypeError(
      `run: no tensor is fed for ${missing.join(', ')}. The model's inputs are: ${expected}.`,
    );
  }
  for (const name of Object.keys(feeds)) {
    if (inputNames.includes(name)) continue;
    const remedy = weights.has(name)
      ? 'is a weight: set it with initializers.get(name).set(tensor).'
      : `is not an input of the model. Its inputs are: ${expected}.`;
    throw new TypeError(`run: "${name}" ${remedy}`);
  }
}
