// ONNX models for the tests of formats.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { create, toBinary } from '@bufbuild/protobuf';
import type { ModelProto, TensorProto } from '@polyak/backend-onnx/proto';
import {
  GraphProtoSchema,
  ModelProtoSchema,
  TensorProto_DataLocation,
  TensorProtoSchema,
  TypeProtoSchema,
} from '@polyak/backend-onnx/proto';

/** The fields of a tensor. */
export type TensorInit = MessageInitShape<typeof TensorProtoSchema>;

/** Little-endian bytes of numbers. */
export const f32 = (...values: readonly number[]): Uint8Array<ArrayBuffer> =>
  new Uint8Array(Float32Array.from(values).buffer);

/** A tensor; float32 where no type is given. */
export function tensor(name: string, dims: readonly number[], init: TensorInit): TensorProto {
  return create(TensorProtoSchema, { name, dims: dims.map(BigInt), dataType: 1, ...init });
}

/** A tensor with its data in another file. */
export function external(
  name: string,
  dims: readonly number[],
  entries: Readonly<Record<string, string | number>>,
  init: TensorInit = {},
): TensorProto {
  const externalData = Object.entries(entries).map(([key, value]) => ({
    key,
    value: String(value),
  }));
  const dataLocation = TensorProto_DataLocation.EXTERNAL;
  return tensor(name, dims, { externalData, dataLocation, ...init });
}

const SCALAR = create(TypeProtoSchema, {
  value: { case: 'tensorType', value: { elemType: 1, shape: {} } },
});

/** The parts of a model but for its initializers. */
export interface ModelParts {
  readonly graph?: Omit<MessageInitShape<typeof GraphProtoSchema>, '$typeName'>;
  readonly model?: Omit<MessageInitShape<typeof ModelProtoSchema>, '$typeName' | 'graph'>;
}

/** A model with a custom operator, so that no session can be made of it. */
export function model(
  initializer: readonly TensorProto[],
  { graph, model: rest }: ModelParts = {},
): ModelProto {
  return create(ModelProtoSchema, {
    irVersion: 10n,
    producerName: 'polyak-test',
    opsetImport: [{ domain: 'custom', version: 1n }],
    ...rest,
    graph: create(GraphProtoSchema, {
      name: 'g',
      node: [{ opType: 'Custom', domain: 'custom', input: ['x'], output: ['y'] }],
      input: [{ name: 'x', type: SCALAR }],
      output: [{ name: 'y', type: SCALAR }],
      ...graph,
      initializer: [...initializer],
    }),
  });
}

/** The bytes of a model. */
export function modelBytes(of: ModelProto): Uint8Array<ArrayBuffer> {
  return toBinary(ModelProtoSchema, of);
}
