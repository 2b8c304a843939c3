// Models with weights that cannot be exchanged.
import { create } from '@bufbuild/protobuf';
import type { ModelProto, NodeProto, TensorProto } from '@polyak/backend-onnx/proto';
import {
  FunctionProtoSchema,
  OperatorSetIdProtoSchema,
  SparseTensorProtoSchema,
  TensorProtoSchema,
} from '@polyak/backend-onnx/proto';
import type { AttributeValue, GraphParts } from '../model-builder.js';
import { graph, model, node, tensor, value } from '../model-builder.js';

type Extra = Partial<Pick<GraphParts, 'nodes' | 'initializers'>> & { readonly opset?: number };

/** y = h + w, where the nodes make h; w is the one weight that can be averaged. */
export const beside = ({ nodes = [], initializers = [], opset = 21 }: Extra): ModelProto =>
  model({
    opset,
    irVersion: 10,
    nodes: [...nodes, node('Add', [nodes.length > 0 ? 'h' : 'x', 'w'], ['y'])],
    initializers: [tensor('w', [2], [1, 2]), ...initializers],
    inputs: [value('x', [2])],
    outputs: [value('y', [2])],
  });

/** The same graph without w. */
export const alone = (parts: Extra): ModelProto => {
  const proto = beside(parts);
  const { graph: main } = proto;
  if (main === undefined) throw new Error('no graph');
  main.node.splice(-1, 1, node('Add', ['h', 'h'], ['y']));
  main.initializer = main.initializer.filter(({ name }) => name !== 'w');
  return proto;
};

/** A tensor of a type that is kept as int32. */
export const integers = (name: string, dataType: number, values: readonly number[]): TensorProto =>
  create(TensorProtoSchema, {
    name,
    dims: [BigInt(values.length)],
    dataType,
    int32Data: [...values],
  });
/** A Constant node. */
export const constant = (
  name: string,
  attributes: Readonly<Record<string, AttributeValue>>,
): NodeProto => node('Constant', [], [name], attributes);
const branch = (nodes: readonly NodeProto[], initializers: readonly TensorProto[] = []) => ({
  graph: graph({ nodes, initializers, outputs: [value('h_inner', [2])] }),
});
const choice = (initializers: readonly TensorProto[], nodes: readonly NodeProto[]): NodeProto[] => [
  constant('yes', { value: { tensor: integers('', 9, [1]) } }),
  node('If', ['yes'], ['h'], {
    then_branch: branch([...nodes, node('Add', ['x', 'inner'], ['h_inner'])], initializers),
    else_branch: branch([node('Neg', ['x'], ['h_inner'])]),
  }),
];
/** y = x + thin + w, where thin is sparse. */
export const sparse = (): ModelProto => {
  const proto = beside({ nodes: [node('Add', ['x', 'thin'], ['h'])] });
  const values = tensor('thin', [1], [5]);
  const indices = tensor('', [1], [1], 'int64');
  proto.graph?.sparseInitializer.push(
    create(SparseTensorProtoSchema, { values, indices, dims: [2n] }),
  );
  return proto;
};
const inFunction = (): ModelProto => {
  const proto = beside({ nodes: [node('Block', ['x'], ['h'], {}, 'custom')] });
  proto.opsetImport.push(create(OperatorSetIdProtoSchema, { domain: 'custom', version: 1n }));
  proto.functions.push(
    create(FunctionProtoSchema, {
      name: 'Block',
      domain: 'custom',
      input: ['a'],
      output: ['b'],
      node: [
        constant('within', { value: { tensor: tensor('', [2], [3, 4]) } }),
        node('Add', ['a', 'within'], ['b']),
      ],
      opsetImport: [{ domain: '', version: 21n }],
    }),
  );
  return proto;
};
const linear = (): ModelProto => {
  const regressor = { coefficients: { floats: [2, 3] }, intercepts: { floats: [1] } };
  const proto = beside({
    nodes: [
      node('Reshape', ['x', 'row'], ['x2']),
      node('LinearRegressor', ['x2'], ['r'], regressor, 'ai.onnx.ml'),
      node('Reshape', ['r', 'flat'], ['h']),
    ],
    initializers: [tensor('row', [2], [1, 2], 'int64'), tensor('flat', [1], [1], 'int64')],
  });
  proto.opsetImport.push(create(OperatorSetIdProtoSchema, { domain: 'ai.onnx.ml', version: 1n }));
  return proto;
};

/** h = x * dequantized(q), as QDQ models have it; `bias` is int32. */
export const QDQ: Extra = {
  nodes: [
    node('DequantizeLinear', ['q', 's', 'z'], ['dq']),
    node('DequantizeLinear', ['bias', 's'], ['db']),
    node('QuantizeLinear', ['x', 'xs', 'xz'], ['xq']),
    node('DequantizeLinear', ['xq', 'xs', 'xz'], ['xd']),
    node('Mul', ['xd', 'dq'], ['m']),
    node('Add', ['m', 'db'], ['h']),
  ],
  initializers: [
    integers('q', 3, [10, -20]),
    integers('bias', 6, [1, 2]),
    tensor('s', [2], [0.5, 0.25]),
    integers('z', 3, [0, 0]),
    create(TensorProtoSchema, { name: 'xs', dataType: 1, floatData: [0.1] }),
    create(TensorProtoSchema, { name: 'xz', dataType: 2, int32Data: [128] }),
  ],
};
/** The same by operators on integers, as ONNX Runtime's quantizer writes them. */
export const Q_OPERATOR: Extra = {
  nodes: [
    node('QuantizeLinear', ['x', 'xs', 'xz'], ['xq']),
    node('QLinearMul', ['xq', 'xs', 'xz', 'q', 's', 'qz', 'ys', 'yz'], ['yq'], {}, 'com.microsoft'),
    node('DequantizeLinear', ['yq', 'ys', 'yz'], ['h']),
  ],
  initializers: [
    integers('q', 2, [10, 20]),
    ...['xs', 's', 'ys'].map((name, n) =>
      create(TensorProtoSchema, { name, dataType: 1, floatData: [0.1 + n] }),
    ),
    ...['xz', 'qz', 'yz'].map((name) =>
      create(TensorProtoSchema, { name, dataType: 2, int32Data: [128] }),
    ),
  ],
};
/** Fake quantization, as PyTorch trains it: the weight is float. */
export const QAT: Extra = {
  nodes: [
    node('QuantizeLinear', ['v', 's', 'z'], ['q']),
    node('DequantizeLinear', ['q', 's', 'z'], ['dq']),
    node('Mul', ['x', 'dq'], ['h']),
  ],
  initializers: [tensor('v', [2], [1, 2]), tensor('s', [2], [0.5, 0.25]), integers('z', 3, [0, 0])],
};

/** What is left out, a model that has it beside w, and what the warning says. */
export const CASES: readonly (readonly [string, ModelProto, RegExp])[] = [
  [
    'bfloat16 initializers',
    beside({
      nodes: [node('Cast', ['b'], ['bf'], { to: 1 }), node('Add', ['x', 'bf'], ['h'])],
      initializers: [tensor('b', [2], [0x3f80, 0x4000], 'bfloat16')],
    }),
    /"b" bfloat16\[2\]: of a type that cannot be averaged\. Average the model in float32/,
  ],
  [
    'float8 initializers',
    beside({
      nodes: [node('Cast', ['f8'], ['f'], { to: 1 }), node('Add', ['x', 'f'], ['h'])],
      initializers: [integers('f8', 17, [0x38, 0x40])],
    }),
    /"f8" float8e4m3fn\[2\]: of a type/,
  ],
  [
    'int4 initializers',
    beside({
      nodes: [node('DequantizeLinear', ['i4', 's'], ['f']), node('Add', ['x', 'f'], ['h'])],
      initializers: [
        create(TensorProtoSchema, { name: 'i4', dims: [2n], dataType: 22, int32Data: [0x21] }),
        tensor('s', [2], [1, 2]),
      ],
    }),
    /"i4" int4\[2\]: of a type/,
  ],
  ['integers of a QDQ model', beside(QDQ), /"q" int8\[2\], "bias" int32\[2\]: of a type/],
  [
    'tensors in Constant nodes',
    beside({
      nodes: [
        constant('c', { value: { tensor: tensor('', [2], [3, 4]) } }),
        node('Add', ['x', 'c'], ['h']),
      ],
    }),
    /"c": in Constant nodes\. .*optimizedModelFilePath/,
  ],
  [
    'lists of floats in Constant nodes',
    beside({
      nodes: [constant('c', { value_floats: { floats: [3, 4] } }), node('Add', ['x', 'c'], ['h'])],
    }),
    /"c": in Constant nodes/,
  ],
  [
    'initializers of branches',
    beside({ nodes: choice([tensor('inner', [2], [5, 6])], []) }),
    /"inner" float32\[2\]: inside If, Loop, Scan or a function/,
  ],
  [
    'Constant nodes in branches',
    beside({ nodes: choice([], [constant('inner', { value_floats: { floats: [5, 6] } })]) }),
    /"inner": inside If/,
  ],
  ['Constant nodes in functions', inFunction(), /"within": inside If, Loop, Scan or a function/],
  ['sparse initializers', sparse(), /"thin" float32\[1\]: sparse\. Export them as dense/],
  [
    'coefficients of ai.onnx.ml',
    linear(),
    /LinearRegressor_r\.coefficients: in attributes of ai\.onnx\.ml nodes/,
  ],
];
