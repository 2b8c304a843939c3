// Builds ONNX graphs: each operator is a call that returns the name of its result, and the whole
// becomes the bytes of a model.
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType as AttributeType,
  type AttributeProtoSchema,
  ModelProtoSchema,
  type NodeProtoSchema,
  TensorProto_DataType as DataType,
  type TensorProtoSchema,
  type ValueInfoProtoSchema,
} from '@polyak/backend-onnx/proto';

/** A value of the graph, by its name. */
export type Value = string;

/** Extents; a string names one that is known only when the graph runs. */
export type Shape = readonly (number | string)[];

/** The element types that the demo's graphs use. */
export type ElementType = 'float32' | 'int64' | 'bool';

/**
 * What an operator can be told beside its inputs: integers become `int` attributes, lists of them
 * `ints`.
 */
export type Attributes = Readonly<Record<string, number | readonly number[]>>;

const dataTypes: Readonly<Record<ElementType, DataType>> = {
  float32: DataType.FLOAT,
  int64: DataType.INT64,
  bool: DataType.BOOL,
};

/**
 * A graph under construction. Methods add to it and return names, which later calls take as inputs.
 */
export class GraphBuilder {
  readonly #inputs: MessageInitShape<typeof ValueInfoProtoSchema>[] = [];
  readonly #outputs: MessageInitShape<typeof ValueInfoProtoSchema>[] = [];
  readonly #initializers: MessageInitShape<typeof TensorProtoSchema>[] = [];
  readonly #nodes: (MessageInitShape<typeof NodeProtoSchema> & { output: Value[] })[] = [];
  readonly #constants = new Map<string, Value>();

  /** An input of the graph. */
  input(name: string, shape: Shape, type: ElementType = 'float32'): Value {
    this.#inputs.push(valueInfo(name, shape, type));
    return name;
  }

  /** A tensor that the model carries, float32. */
  initializer(name: string, shape: readonly number[], data: Float32Array): Value {
    const rawData = new Uint8Array(Float32Array.from(data).buffer);
    this.#initializers.push({ name, dims: shape.map(BigInt), dataType: DataType.FLOAT, rawData });
    return name;
  }

  /** A float32 number. The same number is carried once. */
  scalar(value: number): Value {
    return this.#constant(`scalar_${value}`, {
      dims: [],
      dataType: DataType.FLOAT,
      floatData: [value],
    });
  }

  /** Two float32 numbers, as [2]. The same pair is carried once. */
  pair(first: number, second: number): Value {
    const floatData = [first, second];
    return this.#constant(`pair_${first}_${second}`, {
      dims: [2n],
      dataType: DataType.FLOAT,
      floatData,
    });
  }

  /** A list of integers, as operators take axes and shapes. The same list is carried once. */
  integers(...values: readonly number[]): Value {
    return this.#constant(`integers_${values.join('_')}`, {
      dims: [BigInt(values.length)],
      dataType: DataType.INT64,
      int64Data: values.map(BigInt),
    });
  }

  /** An operator with one output. */
  node(opType: string, inputs: readonly Value[], attributes: Attributes = {}): Value {
    return this.#add(opType, inputs, attributes, 1)[0];
  }

  /** An operator of which two outputs are wanted. */
  nodeWithTwo(
    opType: string,
    inputs: readonly Value[],
    attributes: Attributes = {},
  ): readonly [Value, Value] {
    const [first, second = first] = this.#add(opType, inputs, attributes, 2);
    return [first, second];
  }

  /** The sum of two values, broadcast as in NumPy. */
  add(a: Value, b: Value): Value {
    return this.node('Add', [a, b]);
  }

  /** The difference of two values, broadcast as in NumPy. */
  subtract(a: Value, b: Value): Value {
    return this.node('Sub', [a, b]);
  }

  /** The product of two values, element by element, broadcast as in NumPy. */
  multiply(a: Value, b: Value): Value {
    return this.node('Mul', [a, b]);
  }

  /** The quotient of two values, element by element, broadcast as in NumPy. */
  divide(a: Value, b: Value): Value {
    return this.node('Div', [a, b]);
  }

  /** The sum over `axes`, which go. */
  sum(value: Value, axes: readonly number[]): Value {
    return this.node('ReduceSum', [value, this.integers(...axes)], { keepdims: 0 });
  }

  /** The mean over `axes`, which go. */
  mean(value: Value, axes: readonly number[]): Value {
    return this.node('ReduceMean', [value, this.integers(...axes)], { keepdims: 0 });
  }

  /** How many elements `value` has, as a float32 scalar. */
  count(value: Value): Value {
    return this.toFloat(this.node('Size', [value]));
  }

  /** The same numbers as float32: 0 and 1 for a `bool`. */
  toFloat(value: Value): Value {
    return this.node('Cast', [value], { to: DataType.FLOAT });
  }

  /** Makes `value` an output of the graph, under the name `name`. */
  output(name: string, value: Value, shape: Shape, type: ElementType = 'float32'): void {
    this.#outputs.push(valueInfo(name, shape, type));
    this.#nodes.push({ opType: 'Identity', name, input: [value], output: [name] });
  }

  /** The model as the bytes of an `.onnx` file. */
  toBytes(graphName: string): Uint8Array {
    const model = create(ModelProtoSchema, {
      irVersion: 8n,
      opsetImport: [{ domain: '', version: 18n }],
      producerName: 'polyak-example-mnist',
      graph: {
        name: graphName,
        input: this.#inputs,
        output: this.#outputs,
        initializer: this.#initializers,
        node: this.#nodes,
      },
    });
    return toBinary(ModelProtoSchema, model);
  }

  #add(
    opType: string,
    inputs: readonly Value[],
    attributes: Attributes,
    outputCount: number,
  ): readonly [Value, ...Value[]] {
    const name = `${opType}_${this.#nodes.length}`;
    const more = Array.from({ length: outputCount - 1 }, (_, index) => `${name}_${index + 1}`);
    const attribute = Object.entries(attributes).map(([key, value]) => attributeOf(key, value));
    this.#nodes.push({ opType, name, input: [...inputs], output: [name, ...more], attribute });
    return [name, ...more];
  }

  #constant(name: string, tensor: MessageInitShape<typeof TensorProtoSchema>): Value {
    if (!this.#constants.has(name)) {
      this.#initializers.push({ ...tensor, name });
      this.#constants.set(name, name);
    }
    return name;
  }
}

function valueInfo(
  name: string,
  shape: Shape,
  type: ElementType,
): MessageInitShape<typeof ValueInfoProtoSchema> {
  const dim = shape.map((extent) =>
    typeof extent === 'number'
      ? { value: { case: 'dimValue' as const, value: BigInt(extent) } }
      : { value: { case: 'dimParam' as const, value: extent } },
  );
  return {
    name,
    type: { value: { case: 'tensorType', value: { elemType: dataTypes[type], shape: { dim } } } },
  };
}

function attributeOf(
  name: string,
  value: number | readonly number[],
): MessageInitShape<typeof AttributeProtoSchema> {
  if (typeof value !== 'number') return { name, type: AttributeType.INTS, ints: value.map(BigInt) };
  return Number.isInteger(value)
    ? { name, type: AttributeType.INT, i: BigInt(value) }
    : { name, type: AttributeType.FLOAT, f: value };
}
