// The arithmetic of averaging as ONNX graphs. Each operator rounds once, so the results equal those
// of @polyak/backend-cpu to the bit.
import { create, toBinary } from '@bufbuild/protobuf';
import type { NodeProto, ValueInfoProto } from 'onnx-buf';
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  TensorProto_DataType,
  ValueInfoProtoSchema,
} from 'onnx-buf';
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
  /** Outputs of one number each, 1 or 0, that the host reads. */
  readonly flags: readonly Port[];
  readonly steps: readonly Step[];
}

/**
 * Computes `sum0 = state0 + weight * (live - state0)`, and two flags: whether the result is finite,
 * and whether `live` equals the old average everywhere.
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
    shared: [['largest', average]],
    outputs: [['sum0', average]],
    flags: FLAGS,
    steps: [
      ...widened(average, live),
      ['Sub', [wide(average, live), 'state0'], 'difference'],
      ['Mul', ['difference', 'weight'], 'product'],
      ['Add', ['state0', 'product'], 'sum0'],
      ...finiteSteps('sum0'),
      ...equalSteps(wide(average, live)),
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
    shared: [['largest', average]],
    outputs: [
      ['sum0', average],
      ['sum1', average],
    ],
    flags: FLAGS,
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
      ...finiteSteps('sum0'),
      ...equalSteps(wide(average, live)),
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
    flags: [],
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
    flags: [],
    steps: [['Identity', ['from'], 'to']],
  };
}

/**
 * Finds out whether all elements are finite. A compiler of shaders may assume that there are no
 * infinities. The largest number is an input, so that it cannot optimize the comparison away.
 *
 * @param dtype - of the tensor
 */
export function finiteKernel(dtype: OnnxDType): Kernel {
  return {
    name: `finite ${dtype}`,
    inputs: [['from', dtype]],
    shared: [['largest', dtype]],
    outputs: [],
    flags: [['isFinite', 'float32']],
    steps: finiteSteps('from'),
  };
}

const FLAGS: readonly Port[] = [
  ['isFinite', 'float32'],
  ['isEqual', 'float32'],
];

function finiteSteps(name: string): readonly Step[] {
  return [
    ['Abs', [name], 'magnitude'],
    ['LessOrEqual', ['magnitude', 'largest'], 'small'],
    ['Cast', ['small'], 'smalls', 'float32'],
    ['ReduceMin', ['smalls'], 'isFinite'],
  ];
}

function equalSteps(live: string): readonly Step[] {
  return [
    ['Equal', [live, 'state0'], 'equal'],
    ['Cast', ['equal'], 'equals', 'float32'],
    ['ReduceMin', ['equals'], 'isEqual'],
  ];
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
      node: each(kernel.steps, (step, prefix) => node(step, prefix, shared)),
      input: [
        ...each(kernel.inputs, ([name, dtype], prefix) => port(prefix + name, dtype)),
        ...kernel.shared.map(([name, dtype]) => port(name, dtype)),
      ],
      output: each([...kernel.outputs, ...kernel.flags], ([name, dtype], prefix) =>
        port(prefix + name, dtype),
      ),
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

function widened(average: OnnxDType, live: OnnxDType): readonly Step[] {
  return average === live ? [] : [['Cast', ['live'], 'wide', average]];
}

function wide(average: OnnxDType, live: OnnxDType): string {
  return average === live ? 'live' : 'wide';
}

function node(
  [opType, inputs, output, to]: Step,
  prefix: string,
  shared: ReadonlySet<string>,
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
      ...(opType === 'ReduceMin' ? [attribute('keepdims', 0)] : []),
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
