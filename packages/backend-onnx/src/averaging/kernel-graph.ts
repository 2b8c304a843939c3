// The arithmetic of averaging as ONNX graphs. Each operator rounds once, so the results equal those
// of @polyak/backend-cpu to the bit.
import { create, toBinary } from '@bufbuild/protobuf';
import type { NodeProto, ValueInfoProto } from '../proto/onnx_pb.js';
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProto_DataType,
  ValueInfoProtoSchema,
} from '../proto/onnx_pb.js';
import type { OnnxDType } from '../dtype.js';

/** An operator, the names of its inputs and the name of its output. */
type Step = readonly [opType: string, inputs: readonly string[], output: string, to?: OnnxDType];

/** A name and an element type. Shapes are left open, so that one session serves any shape. */
type Port = readonly [name: string, dtype: OnnxDType];

/** A computation that is done for each tensor of a list. */
export interface Kernel {
  /** Unique among kernels. */
  readonly name: string;
  /** The inputs that each tensor has of its own. */
  readonly inputs: readonly Port[];
  /** The inputs that all tensors of the list share. */
  readonly shared: readonly Port[];
  readonly outputs: readonly Port[];
  /** A float32 scalar, computed for each tensor. The host reads those of a run as one output. */
  readonly status?: string;
  readonly steps: readonly Step[];
}

/** The output of a run with the status of each tensor. */
export const STATUSES = 'statuses';

/**
 * Computes `sum0 = state0 + weight * (live - state0)`. The status is the sum of the magnitudes of
 * `live - state0`.
 *
 * @param average - the dtype of the average and of the weight
 * @param live - the dtype of the live tensor; another dtype is cast first
 */
export function averageKernel(average: OnnxDType, live: OnnxDType): Kernel {
  return {
    name: `average ${average} ${live}`,
    inputs: [
      ['state0', average],
      ['live', live],
      ['weight', average],
    ],
    shared: [],
    outputs: [['sum0', average]],
    status: 'status',
    steps: [
      ...widened(average, live),
      ['Sub', [wide(average, live), 'state0'], 'difference'],
      ['Mul', ['difference', 'weight'], 'product'],
      ['Add', ['state0', 'product'], 'sum0'],
      ['ReduceL1', ['difference'], 'status'],
    ],
  };
}

/**
 * Computes the same for an average `state0` with the residual `state1`. The new average and its
 * rounding error are Knuth's TwoSum of the old average and the step.
 *
 * @param average - the dtype of the average, of the residual and of the weight
 * @param live - the dtype of the live tensor
 */
export function compensatedKernel(average: OnnxDType, live: OnnxDType): Kernel {
  return {
    name: `compensated ${average} ${live}`,
    inputs: [
      ['state0', average],
      ['state1', average],
      ['live', live],
      ['weight', average],
    ],
    shared: [],
    outputs: [
      ['sum0', average],
      ['sum1', average],
    ],
    status: 'status',
    steps: [
      ...widened(average, live),
      ['Sub', [wide(average, live), 'state0'], 'difference'],
      ['Sub', ['difference', 'state1'], 'distance'],
      ['Mul', ['distance', 'weight'], 'product'],
      ['Add', ['product', 'state1'], 'step'],
      ['Add', ['state0', 'step'], 'sum0'],
      ['Sub', ['sum0', 'state0'], 'added'],
      ['Sub', ['sum0', 'added'], 'kept'],
      ['Sub', ['state0', 'kept'], 'lost0'],
      ['Sub', ['step', 'added'], 'lost1'],
      ['Add', ['lost0', 'lost1'], 'sum1'],
      ['ReduceL1', ['difference'], 'status'],
    ],
  };
}

/**
 * Casts to another dtype, rounding to nearest, ties to even.
 *
 * @param from - the dtype of the input
 * @param to - the dtype of the output
 */
export function castKernel(from: OnnxDType, to: OnnxDType): Kernel {
  return {
    name: `cast ${from} ${to}`,
    inputs: [['from', from]],
    shared: [],
    outputs: [['to', to]],
    steps: [['Cast', ['from'], 'to', to]],
  };
}

/**
 * Copies a tensor to a device, from it, or on it.
 *
 * @param dtype - of the tensor
 */
export function copyKernel(dtype: OnnxDType): Kernel {
  return {
    name: `copy ${dtype}`,
    inputs: [['from', dtype]],
    shared: [],
    outputs: [['to', dtype]],
    steps: [['Identity', ['from'], 'to']],
  };
}

/**
 * Finds out whether all elements are finite: the status is 1, or else 0. A compiler of shaders may
 * assume that there are no infinities. The largest number is an input, so that it cannot optimize
 * the comparison away.
 *
 * @param dtype - of the tensor
 */
export function finiteKernel(dtype: OnnxDType): Kernel {
  return {
    name: `finite ${dtype}`,
    inputs: [['from', dtype]],
    shared: [['largest', dtype]],
    outputs: [],
    status: 'status',
    steps: [
      ['Abs', ['from'], 'magnitude'],
      ['LessOrEqual', ['magnitude', 'largest'], 'small'],
      ['Cast', ['small'], 'finite', 'float32'],
      ['ReduceMin', ['finite'], 'status'],
    ],
  };
}

/**
 * Encodes an ONNX model that computes `kernel` for several tensors side by side. The names of the
 * n-th tensor begin with {@link prefixOf} n.
 *
 * @param kernel - see above
 * @param copies - the number of tensors, at least 1
 */
export function kernelModel(kernel: Kernel, copies: number): Uint8Array {
  const shared = new Set(kernel.shared.map(([name]) => name));
  const each = <Item, Made>(
    items: readonly Item[],
    make: (item: Item, prefix: string) => Made,
  ): Made[] =>
    Array.from({ length: copies }, (_, n) => items.map((item) => make(item, prefixOf(n)))).flat();
  const model = create(ModelProtoSchema, {
    irVersion: 9n,
    opsetImport: [{ domain: '', version: 20n }],
    producerName: 'polyak',
    graph: {
      name: kernel.name,
      node: [
        ...each(kernel.steps, (step, prefix) => node(step, prefix, shared)),
        ...statusNodes(kernel, copies),
      ],
      input: [
        ...each(kernel.inputs, ([name, dtype], prefix) => port(prefix + name, dtype)),
        ...kernel.shared.map(([name, dtype]) => port(name, dtype)),
      ],
      output: [
        ...each(kernel.outputs, ([name, dtype], prefix) => port(prefix + name, dtype)),
        ...(kernel.status === undefined ? [] : [port(STATUSES, 'float32')]),
      ],
    },
  });
  return toBinary(ModelProtoSchema, model);
}

/**
 * The prefix of the names of the n-th tensor.
 *
 * @param n - from 0
 */
export function prefixOf(n: number): string {
  return n === 0 ? '' : `${n}/`;
}

/**
 * Joins the statuses of all tensors in one output. ORT waits for the device at every output that
 * the host reads: with two for each of 160 tensors an update took twice as long.
 */
function statusNodes({ status }: Kernel, copies: number): readonly NodeProto[] {
  if (status === undefined) return [];
  const prefixes = Array.from({ length: copies }, (_, n) => prefixOf(n));
  return [
    // A scalar has no axis to join along.
    ...prefixes.map((prefix) => node(['Flatten', [status], 'row'], prefix)),
    node(['Concat', prefixes.map((prefix) => `${prefix}row`), STATUSES], ''),
  ];
}

function widened(average: OnnxDType, live: OnnxDType): readonly Step[] {
  return average === live ? [] : [['Cast', ['live'], 'wide', average]];
}

function wide(average: OnnxDType, live: OnnxDType): string {
  return average === live ? 'live' : 'wide';
}

const ATTRIBUTES: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  ReduceL1: { keepdims: 0 },
  ReduceMin: { keepdims: 0 },
  Flatten: { axis: 0 },
  Concat: { axis: 0 },
};

function node(
  [opType, inputs, output, to]: Step,
  prefix: string,
  shared: ReadonlySet<string> = new Set(),
): NodeProto {
  const { INT } = AttributeProto_AttributeType;
  const attribute = (name: string, i: number) =>
    create(AttributeProtoSchema, { name, type: INT, i: BigInt(i) });
  return create(NodeProtoSchema, {
    name: `${prefix}${output}`,
    opType,
    input: inputs.map((name) => (shared.has(name) ? name : prefix + name)),
    output: [prefix + output],
    attribute: [
      ...(to === undefined ? [] : [attribute('to', elementType(to))]),
      ...Object.entries(ATTRIBUTES[opType] ?? {}).map(([name, i]) => attribute(name, i)),
    ],
  });
}

function port(name: string, dtype: OnnxDType): ValueInfoProto {
  return create(ValueInfoProtoSchema, {
    name,
    type: { value: { case: 'tensorType', value: { elemType: elementType(dtype) } } },
  });
}

const ELEMENT_TYPES: Readonly<Record<OnnxDType, TensorProto_DataType>> = {
  float64: TensorProto_DataType.DOUBLE,
  float32: TensorProto_DataType.FLOAT,
  float16: TensorProto_DataType.FLOAT16,
  int64: TensorProto_DataType.INT64,
  int32: TensorProto_DataType.INT32,
  int16: TensorProto_DataType.INT16,
  int8: TensorProto_DataType.INT8,
  uint64: TensorProto_DataType.UINT64,
  uint32: TensorProto_DataType.UINT32,
  uint16: TensorProto_DataType.UINT16,
  uint8: TensorProto_DataType.UINT8,
  bool: TensorProto_DataType.BOOL,
};

function elementType(dtype: OnnxDType): TensorProto_DataType {
  return ELEMENT_TYPES[dtype];
}
