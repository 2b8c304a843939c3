// Compares two models and lists the differences that change what they compute.
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { clone, toBinary } from '@bufbuild/protobuf';
import { formatSpec, isFloating } from '@polyak/core/interfaces';
import type {
  AttributeProto,
  FunctionProto,
  GraphProto,
  ModelProto,
  NodeProto,
  TensorProto,
  ValueInfoProto,
} from '../proto/onnx_pb.js';
import {
  AttributeProtoSchema,
  SparseTensorProtoSchema,
  TensorProtoSchema,
  TrainingInfoProtoSchema,
  TypeProtoSchema,
} from '../proto/onnx_pb.js';
import { bytesOf } from '../file/bytes.js';
import { elementTypeOf } from '../file/element-type.js';
import type { ModelWithGraph } from '../file/proto.js';
import { readTensor, shapeOf } from '../file/tensor-data.js';

/**
 * Lists the differences of `other` from `reference`. These do not count as differences: the values
 * of float initializers; names of nodes, documentation, metadata and producers; the types of inner
 * values; the order of nodes, inputs and initializers.
 *
 * @param reference - the expected model
 * @param other - the model that was found
 * @param label - what messages call `other`
 * @returns one sentence for each difference; none where both models compute the same function of
 *   inputs and weights
 */
export function modelDifferences(
  reference: ModelWithGraph,
  other: ModelWithGraph,
  label: string,
): readonly string[] {
  return [
    ...differing('IR version', [['', reference]], [['', other]], ({ irVersion }) =>
      String(irVersion),
    ),
    ...differing('opset', opsets(reference), opsets(other), ({ version }) => String(version)),
    ...graphDifferences(reference.graph, other.graph, 'weights', label),
    ...functionDifferences(reference, other, label),
    ...sameBytes(
      'training info',
      TrainingInfoProtoSchema,
      reference.trainingInfo,
      other.trainingInfo,
    ),
  ];
}

type Entries<V> = readonly (readonly [key: string, value: V])[];

const opsets = ({ opsetImport }: ModelProto): Entries<{ readonly version: bigint }> =>
  opsetImport.map((entry) => [entry.domain === '' ? 'ai.onnx' : entry.domain, entry]);

/** Compares entries of the same key, and lists keys that only one side has. */
function differing<V>(
  what: string,
  reference: Entries<V>,
  other: Entries<V>,
  describe: (value: V) => string,
): readonly string[] {
  return matched(what, reference, other, (name, expected, found) =>
    describe(expected) === describe(found)
      ? []
      : [`${name} is ${describe(found)}, expected ${describe(expected)}`],
  );
}

function matched<V>(
  what: string,
  reference: Entries<V>,
  other: Entries<V>,
  compare: (name: string, expected: V, found: V) => readonly string[],
): readonly string[] {
  const named = (key: string): string => (key === '' ? what : `${what} "${key}"`);
  const here = new Map(reference);
  const there = new Map(other);
  return [
    ...reference.filter(([key]) => !there.has(key)).map(([key]) => `${named(key)} is missing`),
    ...other.filter(([key]) => !here.has(key)).map(([key]) => `${named(key)} is extra`),
    ...[...here].flatMap(([key, expected]) => {
      const found = there.get(key);
      return found === undefined ? [] : compare(named(key), expected, found);
    }),
  ];
}

function graphDifferences(
  reference: GraphProto,
  other: GraphProto,
  floats: 'weights' | 'constants',
  label: string,
): readonly string[] {
  const values = (infos: readonly ValueInfoProto[]): Entries<ValueInfoProto> =>
    infos.map((info) => [info.name, info]);
  const outputs = ({ output }: GraphProto): string => output.map(({ name }) => name).join(', ');
  return [
    ...differing('input', values(reference.input), values(other.input), typeText),
    ...differing('outputs', [['', reference]], [['', other]], outputs),
    ...matched('initializer', tensors(reference), tensors(other), (name, expected, found) =>
      tensorDifferences(name, expected, found, floats, label),
    ),
    ...sameBytes(
      'sparse initializer',
      SparseTensorProtoSchema,
      reference.sparseInitializer,
      other.sparseInitializer,
    ),
    ...nodeDifferences(reference.node, other.node, label),
  ];
}

const tensors = ({ initializer }: GraphProto): Entries<TensorProto> =>
  initializer.map((tensor) => [tensor.name, tensor]);

// Tensor types as text; the bytes of all other types.
function typeText({ type }: ValueInfoProto): string {
  if (type?.value.case !== 'tensorType') {
    return type === undefined
      ? 'of no type'
      : `of a type ${hexOf(toBinary(TypeProtoSchema, type))}`;
  }
  const { elemType, shape } = type.value.value;
  const dtype = elementTypeOf({ dataType: elemType })?.dtype ?? `type ${elemType}`;
  if (shape === undefined) return dtype;
  return `${dtype}[${shape.dim.map(({ value }) => value.value?.toString() ?? '?').join(',')}]`;
}

function tensorDifferences(
  name: string,
  expected: TensorProto,
  found: TensorProto,
  floats: 'weights' | 'constants',
  label: string,
): readonly string[] {
  const specs = [expected, found].map((tensor) => specText(tensor, label));
  if (specs[0] !== specs[1]) return [`${name} is ${specs[1]}, expected ${specs[0]}`];
  const type = elementTypeOf(found);
  if (type === undefined) {
    return encodedTensor(expected) === encodedTensor(found) ? [] : [`${name} has other values`];
  }
  if (floats === 'weights' && isFloating(type.dtype)) return [];
  const [here, there] = [expected, found].map((tensor) =>
    bytesOf(readTensor(tensor, type, label).data),
  );
  const isSame = here !== undefined && there !== undefined && Buffer.compare(here, there) === 0;
  return isSame ? [] : [`${name} has other values`];
}

function specText(tensor: TensorProto, label: string): string {
  const shape = shapeOf(tensor, label);
  const dtype = elementTypeOf(tensor)?.dtype;
  return dtype === undefined
    ? `type ${tensor.dataType}[${shape.join(',')}]`
    : formatSpec({ dtype, shape });
}

function encodedTensor(tensor: TensorProto): string {
  const copy = clone(TensorProtoSchema, tensor);
  copy.docString = '';
  copy.metadataProps = [];
  return hexOf(toBinary(TensorProtoSchema, copy));
}

// A value has one maker, so the outputs of a node identify it.
const made = (nodes: readonly NodeProto[]): Entries<NodeProto> =>
  nodes.map((node) => [node.output.join(', '), node]);

function nodeDifferences(
  reference: readonly NodeProto[],
  other: readonly NodeProto[],
  label: string,
): readonly string[] {
  return matched('node that makes', made(reference), made(other), (name, expected, found) => [
    ...differing(`${name}: operator`, [['', expected]], [['', found]], operatorOf),
    ...differing(
      `${name}: inputs`,
      [['', expected]],
      [['', found]],
      ({ input }) => `(${input.join(', ')})`,
    ),
    ...matched(
      `${name}: attribute`,
      attributes(expected),
      attributes(found),
      (attribute, here, there) => attributeDifferences(attribute, here, there, label),
    ),
  ]);
}

const operatorOf = ({ domain, opType, overload }: NodeProto): string =>
  [domain === 'ai.onnx' ? '' : domain, opType, overload].filter((part) => part !== '').join('.');

const attributes = ({ attribute }: Pick<NodeProto, 'attribute'>): Entries<AttributeProto> =>
  attribute.map((entry) => [entry.name, entry]);

function attributeDifferences(
  name: string,
  expected: AttributeProto,
  found: AttributeProto,
  label: string,
): readonly string[] {
  if (expected.g !== undefined && found.g !== undefined) {
    return graphDifferences(expected.g, found.g, 'constants', label).map(
      (text) => `${name}: ${text}`,
    );
  }
  if (expected.t !== undefined && found.t !== undefined) {
    return tensorDifferences(name, expected.t, found.t, 'constants', label);
  }
  if (encodedAttribute(expected) === encodedAttribute(found)) return [];
  return [`${name} is ${valueText(found)}, expected ${valueText(expected)}`];
}

function encodedAttribute(attribute: AttributeProto): string {
  const copy = clone(AttributeProtoSchema, attribute);
  copy.docString = '';
  return hexOf(toBinary(AttributeProtoSchema, copy));
}

function valueText({ type, f, i, s, floats, ints }: AttributeProto): string {
  // The numbers of AttributeType.
  const texts: Readonly<Partial<Record<number, string>>> = {
    1: String(f),
    2: String(i),
    3: JSON.stringify(Buffer.from(s).toString()),
    6: `[${floats.join(',')}]`,
    7: `[${ints.join(',')}]`,
  };
  return texts[type] ?? 'another value';
}

function functionDifferences(
  reference: ModelProto,
  other: ModelProto,
  label: string,
): readonly string[] {
  const bodies = ({ functions }: ModelProto): Entries<FunctionProto> =>
    functions.map((body) => [[body.domain, body.name, body.overload].join('.'), body]);
  const signature = ({ input, output, attribute }: FunctionProto): string =>
    `(${input.join(', ')}) to (${output.join(', ')}) with attributes (${attribute.join(', ')})`;
  return matched('function', bodies(reference), bodies(other), (name, expected, found) => [
    ...differing(name, [['', expected]], [['', found]], signature),
    ...nodeDifferences(expected.node, found.node, label).map((text) => `${name}: ${text}`),
    ...sameBytes(
      `${name}: default of an attribute`,
      AttributeProtoSchema,
      expected.attributeProto,
      found.attributeProto,
    ),
  ]);
}

function sameBytes<D extends DescMessage>(
  what: string,
  schema: D,
  reference: readonly MessageShape<D>[],
  other: readonly MessageShape<D>[],
): readonly string[] {
  const [expected, found] = [reference, other].map((list) =>
    list.map((message) => hexOf(toBinary(schema, message))).join(),
  );
  return expected === found ? [] : [`${what}: found another one than expected`];
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
