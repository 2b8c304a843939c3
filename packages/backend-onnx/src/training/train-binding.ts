// Connects the inputs and outputs of a training-step graph to cells, by name.
import type { Parameter, TensorSpec } from '@polyak/core/interfaces';
import { PolyakError } from '@polyak/core';
import { arrayOf, elementCount, formatSpec } from '@polyak/core/interfaces';
import { halfToFloat32, requireFit, swapAll } from '@polyak/core/kit';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { ONNX_DTYPES, elementsOf, feedable, specOf, tensorOver } from '../dtype.js';
import type { OnnxDType } from '../dtype.js';
import type { Ort } from '../ort.js';
import { onnxParameter } from '../parameter.js';
import { handles } from '../references.js';

/** The names of inputs and outputs in a training-step graph. */
export interface TrainStepNames {
  /** The input of the learning rate, one element. Default `lr`. */
  readonly lrInput?: string;
  /** The output of the loss, one element. Default `loss`. */
  readonly lossOutput?: string;
  /** The output that gives the new value of an input. Default `${name}_new`. */
  readonly newName?: (name: string) => string;
}

/** A graph and the cells that it reads and writes. */
export interface TrainBinding {
  readonly lrInput: string;
  readonly lossOutput: string;
  /** The inputs that a batch holds. */
  readonly feedNames: readonly string[];
  /** The outputs that a step needs. */
  readonly fetches: readonly string[];
  /** The cells of what lives on from step to step without being trained. */
  readonly state: readonly Parameter<Tensor>[];
  /** The output that gives the new value of an input. */
  newName(name: string): string;
  /** The learning rate as the graph takes it. */
  rate(lr: number): Tensor;
  /** What a run is fed: the tensors of the cells and of the batch. */
  feeds(call: string, batch: Readonly<Record<string, Tensor>>): Record<string, Tensor>;
  /** Zeros for the state that starts from them, such as momenta. */
  zeros(): Record<string, Tensor>;
  /** The loss that a run gave. */
  loss(results: Readonly<Record<string, Tensor>>): number;
  /** The tensors of all cells. */
  held(): readonly Tensor[];
  /** Puts the results of a step into all cells, or into none. */
  take(results: Readonly<Record<string, Tensor>>): Promise<void>;
}

type TensorMetadata = InferenceSession.TensorValueMetadata;

/** Connects a session to cells, or throws an error that lists every misfit. */
export function bindTrainStep(
  ort: Ort,
  session: InferenceSession,
  options: TrainStepNames & {
    readonly parameters: readonly Parameter<Tensor>[];
    readonly state?: readonly Parameter<Tensor>[];
  },
): TrainBinding {
  const { parameters, state: givenState = [], lrInput = 'lr', lossOutput = 'loss' } = options;
  const { newName = (name) => `${name}_new` } = options;
  const graph = {
    inputs: tensorsByName(session.inputMetadata),
    outputs: tensorsByName(session.outputMetadata),
  };
  const given = [...parameters, ...givenState];
  const problems = [
    ...rateProblems(graph.inputs.get(lrInput), lrInput),
    ...(graph.outputs.has(lossOutput) ? [] : [`no output "${lossOutput}" gives the loss`]),
    ...given.flatMap((cell) => cellProblems(cell, newName(cell.name), graph)),
    ...repeated(given).map((name) => `two cells are named "${name}"`),
  ];
  const givenNames = new Set(given.map(({ name }) => name));
  const others = [...graph.inputs.values()].filter(
    ({ name }) => name !== lrInput && !givenNames.has(name),
  );
  const [feeds, unfed] = partition(others, ({ name }) => !graph.outputs.has(newName(name)));
  for (const input of unfed) {
    if (!canBeZeros(input)) {
      problems.push(
        `"${input.name}" is ${format(input)}: pass what it starts from in the option state`,
      );
    }
  }
  requireFit(problems, {
    code: 'ERR_PARAMETERS',
    call: 'trainStepOptimizer',
    what: 'the graph',
    remedy: `Inputs: ${list(graph.inputs)}. Outputs: ${list(graph.outputs)}.`,
  });
  const state = [
    ...givenState,
    ...unfed.map((input) => onnxParameter(input.name, zeros(ort, input))),
  ];
  const rate = graph.inputs.get(lrInput);
  return bindingOf(ort, {
    lrInput,
    lossOutput,
    newName,
    feedNames: feeds.map(({ name }) => name),
    state,
    unfed,
    cells: [...parameters, ...state],
    rateType: rate?.type === 'float64' ? 'float64' : 'float32',
    rateShape: rate?.shape.map(() => 1) ?? [],
  });
}

interface Matched extends Required<TrainStepNames>, Pick<TrainBinding, 'feedNames' | 'state'> {
  readonly unfed: readonly TensorMetadata[];
  readonly cells: readonly Parameter<Tensor>[];
  readonly rateType: 'float32' | 'float64';
  readonly rateShape: readonly number[];
}

function bindingOf(ort: Ort, matched: Matched): TrainBinding {
  const { lrInput, lossOutput, newName, feedNames, state, unfed } = matched;
  const { cells, rateType, rateShape } = matched;
  return {
    lrInput,
    lossOutput,
    feedNames,
    fetches: [lossOutput, ...cells.map(({ name }) => newName(name))],
    state,
    newName,
    rate: (lr) => new ort.Tensor(rateType, [lr], rateShape),
    feeds(call, batch) {
      checkBatch(call, batch, feedNames);
      const feeds: Record<string, Tensor> = { ...batch };
      for (const cell of cells) feeds[cell.name] = cell.get();
      for (const [name, tensor] of Object.entries(feeds)) {
        checkLocation(call, name, tensor.location);
        feeds[name] = feedable(ort, tensor);
      }
      return feeds;
    },
    zeros: () => Object.fromEntries(unfed.map((input) => [input.name, zeros(ort, input)])),
    loss: ({ [lossOutput]: loss }) => firstNumber(loss),
    held: () => cells.map((cell) => cell.get()),
    async take(results) {
      const tensors = cells.map(({ name }) => results[newName(name)] as Tensor);
      handles.dispose(await swapAll(handles, cells, tensors));
    },
  };
}

function rateProblems(input: TensorMetadata | undefined, name: string): readonly string[] {
  if (input?.type === 'float32' || input?.type === 'float64') return [];
  return [`no input "${name}" of float32 or float64 takes the learning rate`];
}

function cellProblems(
  cell: Parameter<Tensor>,
  output: string,
  graph: {
    readonly inputs: ReadonlyMap<string, TensorMetadata>;
    readonly outputs: ReadonlyMap<string, unknown>;
  },
): readonly string[] {
  const input = graph.inputs.get(cell.name);
  const spec = specOf(cell.get());
  const problems: string[] = [];
  if (input === undefined) {
    problems.push(`no input "${cell.name}" (make an initializer of that name an input)`);
  } else if (!fits(spec, input)) {
    problems.push(`"${cell.name}" is ${formatSpec(spec)}, the graph takes ${format(input)}`);
  }
  if (!graph.outputs.has(output))
    problems.push(`no output "${output}" gives the new "${cell.name}"`);
  return problems;
}

function firstNumber(loss: Tensor | undefined): number {
  if (loss?.type !== 'float16') return Number(loss?.data[0]);
  const [number = Number.NaN] = halfToFloat32('float16', elementsOf(loss) as Uint16Array);
  return number;
}

function checkBatch(
  call: string,
  batch: Readonly<Record<string, Tensor>>,
  feedNames: readonly string[],
): void {
  const isComplete = feedNames.every((name) => batch[name] !== undefined);
  if (isComplete && Object.keys(batch).length === feedNames.length) return;
  throw new TypeError(
    `${call}: the batch holds [${Object.keys(batch).join(', ')}], expected ` +
      `[${feedNames.join(', ')}].`,
  );
}

function checkLocation(call: string, name: string, location: Tensor['location']): void {
  if (location === 'cpu' || location === 'cpu-pinned') return;
  // ONNX Runtime would crash, or compute with garbage.
  throw new PolyakError(
    'ERR_UNSUPPORTED',
    `${call}: "${name}" has the location "${location}", expected a tensor in host memory. ` +
      'Download it first.',
  );
}

function tensorsByName(
  metadata: readonly InferenceSession.ValueMetadata[],
): ReadonlyMap<string, TensorMetadata> {
  return new Map(metadata.filter((value) => value.isTensor).map((value) => [value.name, value]));
}

function fits(spec: TensorSpec, { type, shape }: TensorMetadata): boolean {
  return (
    type === spec.dtype &&
    shape.length === spec.shape.length &&
    shape.every((extent, axis) => typeof extent === 'string' || extent === spec.shape[axis])
  );
}

function canBeZeros(input: TensorMetadata): boolean {
  return dtypeOf(input) !== undefined && input.shape.every((extent) => typeof extent === 'number');
}

function zeros(ort: Ort, input: TensorMetadata): Tensor {
  const dtype = dtypeOf(input) ?? 'float32';
  const shape = input.shape.map(Number);
  const Elements = arrayOf(dtype);
  return tensorOver(ort, { dtype, shape, data: new Elements(elementCount(shape)) });
}

function dtypeOf({ type }: TensorMetadata): OnnxDType | undefined {
  return ONNX_DTYPES.find((dtype) => dtype === type);
}

function partition<Item>(
  items: readonly Item[],
  isFirst: (item: Item) => boolean,
): readonly [Item[], Item[]] {
  return [items.filter(isFirst), items.filter((item) => !isFirst(item))];
}

function repeated(cells: readonly Parameter<Tensor>[]): readonly string[] {
  const names = cells.map(({ name }) => name);
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
}

function format({ type, shape }: TensorMetadata): string {
  return `${type}[${shape.join(',')}]`;
}

function list(values: ReadonlyMap<string, unknown>): string {
  return [...values.keys()].join(', ');
}
