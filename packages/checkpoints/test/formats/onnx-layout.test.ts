// How ONNX models are written with other data.
import { fromBinary } from '@bufbuild/protobuf';
import type { ModelProto, TensorProto } from '@polyak/backend-onnx/proto';
import { AttributeProto_AttributeType, ModelProtoSchema } from '@polyak/backend-onnx/proto';
import { describe, expect, it } from 'vitest';
import { external, f32, model, modelBytes, tensor } from './onnx-models.js';
import type { Files } from './outputs.js';
import { bytesOf, copyOf, floatsOf, open, requestFor, written } from './outputs.js';

const decode = (files: Files, name: string): ModelProto =>
  fromBinary(ModelProtoSchema, files.get(name) ?? new Uint8Array());

const initializers = (proto: ModelProto): ReadonlyMap<string, TensorProto> =>
  new Map(proto.graph?.initializer.map((each) => [each.name, each]));

const only = (bytes: Uint8Array): Files => new Map([['m.onnx', bytes]]);

/** A model with a field that this library does not know, and data before the name. */
const ODD = Uint8Array.of(
  ...modelBytes(model([tensor('w', [2], { rawData: f32(1, 2), docString: 'kept' })])),
  0xa2,
  0x06,
  3,
  1,
  2,
  3,
);

describe('an ONNX model is written', () => {
  it.each([
    ['with raw data', modelBytes(model([tensor('w', [2], { rawData: f32(1, 2) })]))],
    ['with packed floats', modelBytes(model([tensor('w', [2], { floatData: [1, 2] })]))],
    ['with an unknown field', ODD],
    ['without tensors', modelBytes(model([]))],
  ])('as it is %s, byte for byte', async (_, bytes) => {
    const checkpoint = await open(only(bytes), 'm.onnx');
    expect((await copyOf(checkpoint, 'n.onnx')).get('n.onnx')).toEqual(bytes);
  });

  it('with other data in their place', async () => {
    const checkpoint = await open(only(ODD), 'm.onnx');
    const layout = await checkpoint.layout(requestFor(checkpoint, 'n.onnx'));
    const files = await written(layout, () => f32(-3, 7));
    expect([...files.keys()]).toEqual(['n.onnx']);
    expect(await floatsOf(await open(files, 'n.onnx'), 'w')).toEqual([-3, 7]);
    const found = files.get('n.onnx') ?? new Uint8Array();
    expect(found.length).toBe(ODD.length);
    const changed = found.filter((byte, index) => byte !== ODD[index]);
    expect(changed.length).toBeLessThanOrEqual(8);
  });

  it('with raw data in place of numbers of any length', async () => {
    const halfs = { dataType: 10, int32Data: [0x3c00, 0xc000], docString: 'kept' };
    const bytes = modelBytes(
      model([tensor('h', [2], halfs), tensor('w', [1], { rawData: f32(1) })]),
    );
    const checkpoint = await open(only(bytes), 'm.onnx');
    const { h, w } = Object.fromEntries(initializers(decode(await copyOf(checkpoint, 'n'), 'n')));
    expect(h).toMatchObject({ dataType: 10, dims: [2n], docString: 'kept', int32Data: [] });
    expect([...(h?.rawData ?? [])]).toEqual([0, 0x3c, 0, 0xc0]);
    expect(w?.rawData).toEqual(f32(1));
  });

  it('with the tensors that are not asked for as they are', async () => {
    const bytes = modelBytes(
      model([
        tensor('w', [1], { rawData: f32(1) }),
        tensor('kept', [1], { rawData: f32(2) }),
        tensor('h', [1], { dataType: 10, int32Data: [3] }),
      ]),
    );
    const checkpoint = await open(only(bytes), 'm.onnx');
    const { tensors, ...rest } = requestFor(checkpoint, 'n.onnx');
    const w = tensors.get('w');
    if (w === undefined) throw new Error('no w');
    const layout = await checkpoint.layout({ ...rest, tensors: new Map([['w', w]]) });
    const copy = await open(await written(layout, () => f32(9)), 'n.onnx');
    expect(await floatsOf(copy, 'w')).toEqual([9]);
    expect(await floatsOf(copy, 'kept')).toEqual([2]);
    expect([...(await bytesOf(copy, 'h'))]).toEqual([3, 0]);
  });

  it('with the metadata that are asked for, and no others', async () => {
    const metadataProps = [
      { key: 'author', value: 'me' },
      { key: 'gone', value: 'x' },
    ];
    const bytes = modelBytes(
      model([tensor('w', [1], { rawData: f32(1) })], { model: { metadataProps } }),
    );
    const checkpoint = await open(only(bytes), 'm.onnx');
    const layoutWith = async (sum: string): Promise<Files> => {
      const metadata = { author: 'me', ключ: 'é', 'polyak.sum': sum };
      const layout = await checkpoint.layout({ ...requestFor(checkpoint, 'n.onnx'), metadata });
      return await written(layout, () => f32(1));
    };
    const files = await layoutWith('0000');
    const copy = await open(files, 'n.onnx');
    expect(copy.metadata).toEqual({ author: 'me', ключ: 'é', 'polyak.sum': '0000' });
    const { length } = (await layoutWith('12ab')).get('n.onnx') ?? [];
    expect(files.get('n.onnx')?.length).toBe(length);
  });
});

describe('external data are written', () => {
  const constant = external('', [1], { location: 'b', length: 4 });
  const node = (): NonNullable<ModelProto['graph']>['node'] => {
    const type = AttributeProto_AttributeType;
    const inner = model([external('in', [2], { location: 'a', offset: 8, length: 8 })]).graph;
    if (inner === undefined) throw new Error('no graph');
    const proto = model([], {
      graph: {
        node: [
          { opType: 'Constant', attribute: [{ name: 'value', type: type.TENSOR, t: constant }] },
          { opType: 'If', attribute: [{ name: 'then', type: type.GRAPH, g: inner }] },
        ],
      },
    });
    return proto.graph?.node ?? [];
  };
  const bytes = modelBytes(
    model(
      [
        external('big', [2048], { location: './a', offset: 16, checksum: 'of the old data' }),
        tensor('inside', [1], { rawData: f32(7) }),
        external('w', [2], { location: 'a', length: 8 }, { docString: 'kept' }),
      ],
      { graph: { node: node() } },
    ),
  );
  const big = Float32Array.from({ length: 2048 }, (_, n) => n);
  const a = new Uint8Array(16 + 8192);
  a.set(f32(1, 2, 3, 4));
  a.set(new Uint8Array(big.buffer), 16);
  const files = (): Files => new Map([...only(bytes), ['a', a], ['b', f32(5)]]);

  it('to one file of the output, of which no other model knows', async () => {
    const checkpoint = await open(files(), 'm.onnx');
    expect([...checkpoint.tensors.keys()]).toEqual(['big', 'inside', 'w']);
    const copy = await copyOf(checkpoint, 'mean.onnx');
    expect([...copy.keys()]).toEqual(['mean.onnx.data', 'mean.onnx']);
    const opened = await open(copy, 'mean.onnx');
    expect(await floatsOf(opened, 'big')).toEqual([...big]);
    expect(await floatsOf(opened, 'w')).toEqual([1, 2]);
    expect(await floatsOf(opened, 'inside')).toEqual([7]);
    expect(initializers(decode(copy, 'mean.onnx')).get('w')?.docString).toBe('kept');
  });

  it('with those of constants and branches, large ones at pages', async () => {
    const copy = await copyOf(await open(files(), 'm.onnx'), 'mean.onnx');
    const { graph } = decode(copy, 'mean.onnx');
    const [first, second] = graph?.node.map(({ attribute: [attribute] }) => attribute) ?? [];
    const found = [
      ...(graph?.initializer ?? []),
      ...(first?.t === undefined ? [] : [first.t]),
      ...(second?.g?.initializer ?? []),
    ].filter(({ externalData }) => externalData.length > 0);
    const data = copy.get('mean.onnx.data') ?? new Uint8Array();
    const contents = found.map(({ name, externalData }) => {
      const entries = new Map(externalData.map(({ key, value }) => [key, value]));
      expect([...entries.keys()]).toEqual(['location', 'offset', 'length']);
      expect(entries.get('location')).toBe('mean.onnx.data');
      const [begin, size] = [Number(entries.get('offset')), Number(entries.get('length'))];
      expect(begin % (size >= 4096 ? 4096 : 64)).toBe(0);
      return [name, [...new Float32Array(data.slice(begin, begin + size).buffer)]];
    });
    expect(contents).toEqual([
      ['big', [...big]],
      ['w', [1, 2]],
      ['', [5]],
      ['in', [3, 4]],
    ]);
  });
});

describe('an ONNX model is not written', () => {
  it.each([
    ['with another name', 'v', {}, /"w" becomes "v"/],
    ['with another dtype', 'w', { dtype: 'float16' }, /becomes float16\[2\], it is float32\[2\]/],
    ['with another shape', 'w', { shape: [1, 2] }, /becomes float32\[1,2\], it is float32\[2\]/],
    ['from a tensor that it does not have', 'w', { replaces: 'v' }, /"v" is not in it/],
  ])('%s', async (_, name, change, message) => {
    const checkpoint = await open(only(ODD), 'm.onnx');
    const spec = { dtype: 'float32', shape: [2], replaces: 'w', ...change };
    const request = { name: 'n.onnx', tensors: new Map([[name, spec]]), metadata: {} };
    await expect(checkpoint.layout(request)).rejects.toMatchObject({
      code: 'ERR_MISMATCH',
      message: expect.stringMatching(message) as string,
    });
  });

  it('in shards', async () => {
    const checkpoint = await open(only(ODD), 'm.onnx');
    const request = { ...requestFor(checkpoint, 'n.onnx'), shardBytes: 100 };
    await expect(checkpoint.layout(request)).rejects.toMatchObject({ code: 'ERR_MISMATCH' });
  });
});
