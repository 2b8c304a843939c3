// ONNX models as checkpoints, without a session.
import { openCheckpoint } from '@polyak/checkpoints';
import type { ByteSource } from '@polyak/safetensors';
import { bytesSource } from '@polyak/safetensors';
import { describe, expect, it } from 'vitest';
import type { TensorInit } from './onnx-models.js';
import { external, f32, model, modelBytes, tensor } from './onnx-models.js';
import { bytesOf, floatsOf, open, requestFor } from './outputs.js';

const files = (
  bytes: Uint8Array,
  more: Readonly<Record<string, Uint8Array>> = {},
): ReadonlyMap<string, Uint8Array> => new Map([['m.onnx', bytes], ...Object.entries(more)]);

describe('an ONNX model', () => {
  it('has the initializers of the main graph as tensors, whatever its operators are', async () => {
    const bytes = modelBytes(
      model(
        [
          tensor('w', [2, 2], { rawData: f32(1, 2, 3, 4) }),
          tensor('b', [2], { floatData: [5, 6] }),
          tensor('h', [2], { dataType: 10, int32Data: [0x3c00, 0xc000] }),
          tensor('n', [2], { dataType: 7, int64Data: [-1n, 2n ** 40n] }),
          tensor('u', [1], { dataType: 12, uint64Data: [2n ** 32n - 1n] }),
          tensor('s', [2], { dataType: 3, int32Data: [-128, 127] }),
          tensor('q', [3], { dataType: 17, rawData: Uint8Array.of(1, 2, 3) }),
          tensor('nibbles', [3], { dataType: 22, rawData: Uint8Array.of(1, 2) }),
          tensor('d', [1], { dataType: 11, doubleData: [0.1] }),
          tensor('scalar', [], { rawData: f32(7) }),
          tensor('empty', [0, 3], {}),
          tensor('text', [1], { dataType: 8, stringData: [new TextEncoder().encode('hi')] }),
        ],
        { model: { metadataProps: [{ key: 'author', value: 'me' }] } },
      ),
    );
    const checkpoint = await open(files(bytes), 'm.onnx');
    expect([checkpoint.format, checkpoint.metadata]).toEqual(['onnx', { author: 'me' }]);
    expect([...checkpoint.tensors].map(([name, { dtype, shape }]) => [name, dtype, shape])).toEqual(
      [
        ['w', 'float32', [2, 2]],
        ['b', 'float32', [2]],
        ['h', 'float16', [2]],
        ['n', 'int64', [2]],
        ['u', 'uint32', [1]],
        ['s', 'int8', [2]],
        ['q', 'float8_e4m3fn', [3]],
        ['nibbles', 'INT4', [3]],
        ['d', 'float64', [1]],
        ['scalar', 'float32', []],
        ['empty', 'float32', [0, 3]],
      ],
    );
    expect(await floatsOf(checkpoint, 'w')).toEqual([1, 2, 3, 4]);
    expect(await floatsOf(checkpoint, 'b')).toEqual([5, 6]);
    expect([...(await bytesOf(checkpoint, 'h'))]).toEqual([0, 0x3c, 0, 0xc0]);
    const n = new BigInt64Array((await bytesOf(checkpoint, 'n')).buffer);
    expect([...n]).toEqual([-1n, 2n ** 40n]);
    expect([...(await bytesOf(checkpoint, 'u'))]).toEqual([255, 255, 255, 255]);
    expect([...(await bytesOf(checkpoint, 's'))]).toEqual([128, 127]);
  });

  it('may have floats one by one, as the first writers of the format had', async () => {
    // The field float_data, twice, each with its tag; then packed.
    const unpacked = Uint8Array.of(0x25, ...f32(1), 0x25, ...f32(2), 0x22, 4, ...f32(3));
    const bytes = modelBytes(model([tensor('w', [3], {})]));
    const at = Buffer.from(bytes).indexOf(Buffer.from([0x42, 1, 'w'.charCodeAt(0)]));
    const grown = grow(bytes, at, unpacked);
    expect(await floatsOf(await open(files(grown), 'm.onnx'), 'w')).toEqual([1, 2, 3]);
  });

  it('of 100,000 tensors opens in linear time', async () => {
    const bytesFor = (count: number): Uint8Array =>
      modelBytes(
        model(
          Array.from({ length: count }, (_, n) =>
            tensor(`layers.${n}.norm.weight`, [1], { rawData: f32(n) }),
          ),
        ),
      );
    const timeOf = async (bytes: Uint8Array): Promise<number> => {
      const begin = performance.now();
      const checkpoint = await open(files(bytes), 'm.onnx');
      await checkpoint.layout(requestFor(checkpoint, 'n.onnx'));
      return performance.now() - begin;
    };
    const [small, large] = [bytesFor(10_000), bytesFor(100_000)];
    await timeOf(small);
    const times = [await timeOf(small), await timeOf(large)] as const;
    expect(times[1] / times[0]).toBeLessThan(40);
  });
});

/** Inserts bytes into the only tensor of a model, which is below 128 bytes with all around it. */
function grow(bytes: Uint8Array, at: number, more: Uint8Array): Uint8Array {
  const grown = Buffer.concat([bytes.subarray(0, at), more, bytes.subarray(at)]);
  // The lengths of the graph and of its initializer: the bytes behind their tags.
  const graph = grown.indexOf(0x3a) + 1;
  const initializer = grown.lastIndexOf(0x2a, at) + 1;
  for (const place of [graph, initializer]) grown[place] = (grown[place] ?? 0) + more.length;
  return Uint8Array.from(grown);
}

/** A source of zeros but for `bytes` at its begin and at its end, which counts what is read. */
function sparse(
  head: Uint8Array,
  gap: number,
  tail: Uint8Array,
): ByteSource & { bytesRead: number } {
  const end = head.length + gap;
  return {
    size: end + tail.length,
    bytesRead: 0,
    read(offset, length) {
      this.bytesRead += length;
      return Uint8Array.from({ length }, (_, index) => {
        const at = offset + index;
        return (at < head.length ? head[at] : tail[at - end]) ?? 0;
      });
    },
  };
}

describe('an ONNX model of more than 2 GiB', () => {
  it('has its data by their ranges, which are not read', async () => {
    // The tensor "w" with 5 GiB in raw_data, and after it the tensor "b".
    const [gap, count] = [5 * 2 ** 30, (5 * 2 ** 30) / 4];
    const b = modelBytes(model([tensor('b', [1], { rawData: f32(8) })]));
    const length = (value: number): number[] =>
      value < 128 ? [value] : [(value % 128) + 128, ...length(Math.floor(value / 128))];
    const header = [0x08, ...length(count), 0x10, 1, 0x42, 1, 0x77, 0x4a, ...length(gap)];
    const w = [0x2a, ...length(header.length + gap), ...header];
    const initializer = b.subarray(b.indexOf(0x2a));
    const tail = initializer.subarray(0, 2 + (initializer[1] ?? 0));
    const graph = [0x3a, ...length(w.length + gap + tail.length)];
    const source = sparse(Uint8Array.from([0x08, 8, ...graph, ...w]), gap, tail);
    const checkpoint = await openCheckpoint('m.onnx', (name) => Promise.resolve({ name, source }));
    expect(checkpoint.tensors.get('w')).toMatchObject({ shape: [count], byteLength: gap });
    expect(await floatsOf(checkpoint, 'b')).toEqual([8]);
    expect(source.bytesRead).toBeLessThan(2 ** 16);
    // Protobuf ends at 2 GB.
    await expect(checkpoint.layout(requestFor(checkpoint, 'n.onnx'))).rejects.toMatchObject({
      code: 'ERR_MISMATCH',
      message: expect.stringContaining('save_as_external_data=True') as string,
    });
  });

  it('has external data beyond 2^32 bytes', async () => {
    const gap = 5 * 2 ** 30;
    const source = sparse(new Uint8Array(), gap, f32(8, 9));
    const w = external('w', [2], { location: 'd', offset: gap, length: 8 });
    const file = bytesSource(modelBytes(model([w])));
    const checkpoint = await openCheckpoint('m', (name) =>
      Promise.resolve({ name, source: name === 'm' ? file : source }),
    );
    expect(await floatsOf(checkpoint, 'w')).toEqual([8, 9]);
  });
});

describe('an ONNX model is refused', () => {
  const half: TensorInit = { dataType: 10, int32Data: [1, 2] };
  const place = { location: 'd' };
  it.each([
    ['a short tensor', tensor('w', [3], { rawData: f32(1) }), /4 bytes of data.*takes 12/],
    ['a long one', tensor('w', [], { rawData: f32(1, 2) }), /8 bytes of data.*takes 4/],
    ['one without data', tensor('w', [3], {}), /0 bytes of data.*takes 12/],
    ['a negative extent', tensor('w', [-1], { rawData: f32(1) }), /shape/],
    ['a shape beyond all bounds', tensor('w', [2 ** 40, 2 ** 40], {}), /shape/],
    ['huge extents without elements', tensor('w', [2 ** 40, 2 ** 40, 0], {}), /shape/],
    ['few numbers', tensor('w', [3], half), /fewer elements than the 3/],
    ['many numbers', tensor('w', [1], half), /more elements than the 1/],
    ['far fewer numbers', tensor('w', [2 ** 40], half), /less data than the 1099511627776/],
    ['extents past 2^53', tensor('w', [2 ** 53], half), /the shape \[9007199254740992\]/],
    ['a number out of range', tensor('w', [1], { ...half, int32Data: [65536] }), /out of range/],
    ['data of two fields', tensor('w', [1], { rawData: f32(1), floatData: [1] }), /the fields/],
    ['data of another type', tensor('w', [1], { dataType: 1, int32Data: [1] }), /float32 in the/],
    ['a segment', tensor('w', [1], { rawData: f32(1), segment: {} }), /segment/],
    ['no name', tensor('', [1], { rawData: f32(1) }), /without a name/],
    ['data behind the end', external('w', [2], { ...place, offset: 24 }), /has 20 bytes/],
    ['long data', external('w', [1], { ...place, length: 8 }), /8 bytes of data.*takes 4/],
    ['an offset that is none', external('w', [1], { ...place, offset: '1e1' }), /offset "1e1"/],
    ['a negative offset', external('w', [1], { ...place, offset: -4 }), /offset "-4"/],
    ['no location', external('w', [1], { offset: 0 }), /expected one location/],
    ['a location outside', external('w', [1], { location: 'a/../../d' }), /out of its folder/],
  ])('with %s', async (_, bad, message) => {
    const good = tensor('good', [1], { rawData: f32(1) });
    const bytes = modelBytes(model([good, bad]));
    await expect(open(files(bytes, { d: new Uint8Array(20) }), 'm.onnx')).rejects.toMatchObject({
      code: 'ERR_CHECKPOINT',
      message: expect.stringMatching(message) as string,
    });
  });

  it('with two initializers of a name', async () => {
    const w = tensor('w', [1], { rawData: f32(1) });
    await expect(open(files(modelBytes(model([w, w]))), 'm.onnx')).rejects.toThrow(/second time/);
  });

  it('with two graphs', async () => {
    const bytes = modelBytes(model([]));
    await expect(open(files(Buffer.concat([bytes, bytes])), 'm.onnx')).rejects.toThrow(/second/);
  });

  it('where it is nested without end', async () => {
    let bytes = Uint8Array.of();
    // Graphs (field 6) in attributes (field 5) in nodes (field 1).
    for (let depth = 0; depth < 60; depth += 1) {
      for (const tag of [0x32, 0x2a, 0x0a]) {
        const { length } = bytes;
        const varint = length < 128 ? [length] : [(length % 128) + 128, length >> 7];
        bytes = Uint8Array.of(tag, ...varint, ...bytes);
      }
    }
    const { length } = bytes;
    const nested = Uint8Array.of(0x08, 8, 0x3a, (length % 128) + 128, length >> 7, ...bytes);
    await expect(open(files(nested), 'm.onnx')).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
  });

  const whole = modelBytes(
    model([
      tensor('w', [2], { rawData: f32(1, 2) }),
      tensor('h', [2], half),
      external('e', [2], { location: 'd', offset: 8 }),
    ]),
  );

  it('wherever it is cut off', async () => {
    const kept = [];
    for (let length = 0; length < whole.length; length += 1) {
      const cut = files(whole.subarray(0, length), { d: new Uint8Array(20) });
      await open(cut, 'm.onnx').then(
        () => kept.push(length),
        (error: unknown) => expect(error).toMatchObject({ code: 'ERR_CHECKPOINT' }),
      );
    }
    // Between two fields of the model, of which the last one is not needed.
    expect(kept.length).toBeLessThanOrEqual(3);
  });
});
