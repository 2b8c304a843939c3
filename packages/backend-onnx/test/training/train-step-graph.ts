// A training step of linear regression as an ONNX graph, made node by node, and the same step in
// float64.
import { create, toBinary } from '@bufbuild/protobuf';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { AttributeProto_AttributeType, ModelProtoSchema } from '@polyak/backend-onnx/proto';
import type { NodeProtoSchema, ValueInfoProtoSchema } from '@polyak/backend-onnx/proto';

/** SGD's settings in the graph. */
const momentum = 0.9;
const weightDecay = 0.01;

/** What a test may change in the graph. */
export interface GraphChanges {
  /** Other names of values. */
  readonly rename?: Readonly<Record<string, string>>;
  /** Outputs that are not to be had. */
  readonly omit?: readonly string[];
  /** Other declared shapes. */
  readonly shapes?: Readonly<Record<string, readonly (number | string)[]>>;
  /** Whether `weight` is an initializer, as in most models. */
  readonly isEmbedded?: boolean;
}

const [FLOAT, INT64] = [1, 7];
const inputs: Readonly<Record<string, readonly (number | string)[]>> = {
  lr: [],
  weight: [2],
  velocity: [2],
  steps: [],
  x: ['n', 2],
  y: ['n'],
};
const outputs = { loss: [], weight_new: [2], velocity_new: [2], steps_new: [] };

/**
 * mean((x · weight - y)²), its gradient, and a step of SGD with momentum and weight decay; it
 * counts its steps.
 */
export function trainStepGraph(changes: GraphChanges = {}): Uint8Array {
  const { rename = {}, omit = [], shapes = {}, isEmbedded = false } = changes;
  const nameOf = (name: string): string => rename[name] ?? name;
  const values = (declared: typeof inputs, isLeftOut: (name: string) => boolean): ValueInfo[] =>
    Object.entries(declared)
      .filter(([name]) => !isLeftOut(name))
      .map(([name, shape]) =>
        valueInfo(nameOf(name), name.startsWith('steps'), shapes[name] ?? shape),
      );
  const node = (
    opType: string,
    input: readonly string[],
    output: string,
    attributes = {},
  ): Node => ({
    opType,
    input: input.map(nameOf),
    output: [nameOf(output)],
    attribute: Object.entries(attributes).map(([name, value]) => ({
      name,
      type: AttributeProto_AttributeType.INT,
      i: BigInt(Number(value)),
    })),
  });
  const scalar = (name: string, value: number) => ({ name, dataType: FLOAT, floatData: [value] });
  const model = create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [{ version: 18n }],
    graph: {
      name: 'step',
      input: values(inputs, (name) => isEmbedded && name === 'weight'),
      output: values(outputs, (name) => omit.includes(name)),
      initializer: [
        scalar('momentum', momentum),
        scalar('decay', weightDecay),
        scalar('two', 2),
        { name: 'one', dataType: INT64, int64Data: [1n] },
        ...(isEmbedded ? [{ name: 'weight', dataType: FLOAT, dims: [2n], floatData: [0, 0] }] : []),
      ],
      node: [
        node('MatMul', ['x', 'weight'], 'prediction'),
        node('Sub', ['prediction', 'y'], 'error'),
        node('Mul', ['error', 'error'], 'square'),
        node('ReduceMean', ['square'], 'loss', { keepdims: 0 }),
        node('Size', ['y'], 'size'),
        node('Cast', ['size'], 'count', { to: FLOAT }),
        node('MatMul', ['error', 'x'], 'sum'),
        node('Div', ['sum', 'count'], 'mean'),
        node('Mul', ['mean', 'two'], 'gradient'),
        node('Mul', ['weight', 'decay'], 'pull'),
        node('Add', ['gradient', 'pull'], 'push'),
        node('Mul', ['velocity', 'momentum'], 'kept'),
        node('Add', ['kept', 'push'], 'velocity_new'),
        node('Mul', ['velocity_new', 'lr'], 'way'),
        node('Sub', ['weight', 'way'], 'weight_new'),
        node('Add', ['steps', 'one'], 'steps_new'),
      ],
    },
  });
  return toBinary(ModelProtoSchema, model);
}

/** The numbers that live on from step to step. */
export interface State64 {
  weight: readonly number[];
  velocity: readonly number[];
}

/** What the graph computes, in float64. Changes `state`, returns the loss. */
export function step64(
  state: State64,
  x: readonly (readonly number[])[],
  y: readonly number[],
  lr: number,
): number {
  const dot = (row: readonly number[]): number =>
    row.reduce((sum, value, i) => sum + value * at(state.weight, i), 0);
  const errors = x.map((row, n) => dot(row) - at(y, n));
  const gradient = state.weight.map(
    (_, i) => (2 / x.length) * x.reduce((sum, row, n) => sum + at(row, i) * at(errors, n), 0),
  );
  state.velocity = state.velocity.map(
    (value, i) => momentum * value + at(gradient, i) + weightDecay * at(state.weight, i),
  );
  state.weight = state.weight.map((value, i) => value - lr * at(state.velocity, i));
  return errors.reduce((sum, error) => sum + error ** 2, 0) / x.length;
}

type ValueInfo = MessageInitShape<typeof ValueInfoProtoSchema>;
type Node = MessageInitShape<typeof NodeProtoSchema>;

function valueInfo(
  name: string,
  isInteger: boolean,
  shape: readonly (number | string)[],
): ValueInfo {
  const dim = shape.map((extent) =>
    typeof extent === 'number'
      ? { value: { case: 'dimValue' as const, value: BigInt(extent) } }
      : { value: { case: 'dimParam' as const, value: extent } },
  );
  const elemType = isInteger ? INT64 : FLOAT;
  return { name, type: { value: { case: 'tensorType', value: { elemType, shape: { dim } } } } };
}

function at(values: readonly number[], index: number): number {
  return values[index] ?? Number.NaN;
}
