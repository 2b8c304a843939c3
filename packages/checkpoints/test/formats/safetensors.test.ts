import { HeaderCache } from '@polyak/checkpoints';
import { safetensorsCheckpoint, shardedCheckpoint } from '@polyak/checkpoints/formats';
import type { Checkpoint, OutputTensor } from '@polyak/checkpoints';
import { bytesSource, decodeSafetensors, encodeSafetensors } from '@polyak/safetensors';
import type { HostTensor } from '@polyak/safetensors';
import { describe, expect, it } from 'vitest';
import { written } from './written.js';

const tensors: Record<string, HostTensor> = {
  a: { dtype: 'float32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
  b: { dtype: 'bfloat16', shape: [3], data: Uint16Array.of(5, 6, 7) },
  c: { dtype: 'float32', shape: [], data: Float32Array.of(8) },
  d: { dtype: 'int8', shape: [0], data: new Int8Array() },
};
const metadata = { format: 'pt' };

/** The tensors of a checkpoint, to be written under the same names. */
const kept = (checkpoint: Checkpoint): Map<string, OutputTensor> =>
  new Map(
    [...checkpoint.tensors].map(([name, { dtype, shape }]) => [
      name,
      { dtype, shape, replaces: name },
    ]),
  );

const single = (
  strings: Record<string, string> = metadata,
  cache?: HeaderCache,
): Promise<Checkpoint> =>
  safetensorsCheckpoint('m.safetensors', bytesSource(encodeSafetensors(tensors, strings)), cache);

/** The tensors above in two files. */
const shards: Record<string, Uint8Array> = {
  '1.safetensors': encodeSafetensors({ c: tensors['c'] as HostTensor }, { ...metadata, at: '1' }),
  '2.safetensors': encodeSafetensors(
    { a: tensors['a'] as HostTensor, b: tensors['b'] as HostTensor },
    { at: '2', and: '3' },
  ),
};
const sharded = (
  weights: Record<string, string> = {
    c: '1.safetensors',
    b: '2.safetensors',
    a: '2.safetensors',
  },
  cache?: HeaderCache,
): Promise<Checkpoint> =>
  shardedCheckpoint(
    'm.safetensors.index.json',
    new TextEncoder().encode(JSON.stringify({ weight_map: weights })),
    async (name) => {
      const bytes = shards[name];
      if (bytes === undefined) throw new Error(`no file ${name}`);
      return { name, source: bytesSource(bytes) };
    },
    cache,
  );

describe('a checkpoint in a safetensors file', () => {
  it('names where its tensors lie', async () => {
    const checkpoint = await single();
    const bytes = encodeSafetensors(tensors, metadata);
    expect(checkpoint).toMatchObject({ name: 'm.safetensors', format: 'safetensors', metadata });
    expect([...checkpoint.tensors.keys()]).toEqual(['a', 'c', 'b', 'd']);
    const { file, begin, byteLength } = checkpoint.tensors.get('b') ?? {};
    expect(file).toBe(0);
    expect([...bytes.subarray(begin, (begin ?? 0) + (byteLength ?? 0))]).toEqual([
      5, 0, 6, 0, 7, 0,
    ]);
  });

  it('is written as it was', async () => {
    const checkpoint = await single();
    const layout = await checkpoint.layout({
      name: 'mean.safetensors',
      tensors: kept(checkpoint),
      metadata,
    });
    const files = written(layout, tensors);
    expect([...files]).toEqual([['mean.safetensors', encodeSafetensors(tensors, metadata)]]);
  });

  it('is cut into files and an index where it should be', async () => {
    const checkpoint = await single();
    const layout = await checkpoint.layout({
      name: 'mean.safetensors',
      tensors: kept(checkpoint),
      metadata: { by: 'x' },
      shardBytes: 16,
    });
    const files = written(layout, tensors);
    expect([...files.keys()]).toEqual([
      'mean-00001-of-00002.safetensors',
      'mean-00002-of-00002.safetensors',
      'mean.safetensors.index.json',
    ]);
    const again = await shardedCheckpoint(
      'mean.safetensors.index.json',
      files.get('mean.safetensors.index.json') ?? new Uint8Array(),
      async (name) => ({ name, source: bytesSource(files.get(name) ?? new Uint8Array()) }),
    );
    expect([...again.tensors.keys()]).toEqual(['a', 'c', 'b', 'd']);
    expect(again.metadata).toEqual({ by: 'x' });
    const index = new TextDecoder().decode(files.get('mean.safetensors.index.json'));
    expect(JSON.parse(index)).toMatchObject({ metadata: { total_size: 16 + 6 + 4 } });
  });

  it('is written with other names and dtypes, and with dtypes that are only copied', async () => {
    const bytes = encodeSafetensors({
      a: { dtype: 'uint8', shape: [3], data: Uint8Array.of(1, 2, 3) },
    });
    const text = new TextDecoder('latin1').decode(bytes).replace('"U8"', '"F4"');
    const odd = Uint8Array.from(text, (character) => character.charCodeAt(0));
    const checkpoint = await safetensorsCheckpoint('odd', bytesSource(odd));
    expect(checkpoint.tensors.get('a')).toMatchObject({ dtype: 'F4', byteLength: 3 });
    const layout = await checkpoint.layout({
      name: 'x',
      tensors: new Map([['b', { dtype: 'F4', shape: [3], replaces: 'a' }]]),
      metadata: {},
    });
    expect(layout.files[0]?.pieces[1]).toEqual({ kind: 'tensor', name: 'b', byteLength: 3 });
    const double = await (
      await single()
    ).layout({
      name: 'x',
      tensors: new Map([['b', { dtype: 'float64', shape: [3], replaces: 'b' }]]),
      metadata: {},
    });
    expect(double.files[0]?.pieces[1]).toEqual({ kind: 'tensor', name: 'b', byteLength: 24 });
  });

  it('shares its tensors with others of equal headers', async () => {
    const cache = new HeaderCache();
    const first = await single(metadata, cache);
    expect((await single(metadata, cache)).tensors).toBe(first.tensors);
    expect((await single({ format: 'np' }, cache)).tensors).not.toBe(first.tensors);
  });

  it('is refused by name where it is malformed', async () => {
    const bytes = encodeSafetensors(tensors).subarray(0, 200);
    await expect(safetensorsCheckpoint('dir/m', bytesSource(bytes))).rejects.toThrow(
      expect.objectContaining({
        code: 'ERR_CHECKPOINT',
        message: expect.stringMatching(/^dir\/m: the header says it takes .* Truncated\?$/),
      }),
    );
  });
});

describe('a checkpoint in several safetensors files', () => {
  it('names where its tensors lie', async () => {
    const checkpoint = await sharded();
    expect(checkpoint.files.map(({ name }) => name)).toEqual(['1.safetensors', '2.safetensors']);
    const places = [...checkpoint.tensors].map(([name, { file }]) => [name, file]);
    expect(places).toEqual([
      ['c', 0],
      ['a', 1],
      ['b', 1],
    ]);
    expect(checkpoint.metadata).toEqual({ format: 'pt', at: '1', and: '3' });
    const cache = new HeaderCache();
    expect((await sharded(undefined, cache)).tensors).toBe(
      (await sharded(undefined, cache)).tensors,
    );
  });

  it('is written in as many files as it has, or as are asked for', async () => {
    const checkpoint = await sharded();
    const request = { name: 'x.safetensors.index.json', tensors: kept(checkpoint), metadata };
    const files = written(await checkpoint.layout(request), tensors);
    expect([...files.keys()]).toEqual([
      'x-00001-of-00002.safetensors',
      'x-00002-of-00002.safetensors',
      'x.safetensors.index.json',
    ]);
    const second = decodeSafetensors(files.get('x-00002-of-00002.safetensors') ?? new Uint8Array());
    expect(second).toEqual({ tensors: { a: tensors['a'], b: tensors['b'] }, metadata });
    const whole = await checkpoint.layout({ ...request, shardBytes: 1000 });
    expect(whole.files.map(({ name }) => name)).toEqual(['x.safetensors']);
    request.tensors.delete('c');
    const rest = await checkpoint.layout(request);
    expect(rest.files.map(({ name }) => name)).toEqual(['x.safetensors']);
  });

  it.each<[string, Record<string, string>, RegExp]>([
    [
      'a tensor that the index lacks',
      { c: '1.safetensors', a: '2.safetensors' },
      /the index does not have "b" in "2.safetensors"/,
    ],
    [
      'a tensor that a file lacks',
      { c: '1.safetensors', a: '2.safetensors', b: '2.safetensors', d: '1.safetensors' },
      /"1.safetensors" lacks "d"/,
    ],
    [
      'a tensor in another file',
      { c: '1.safetensors', a: '1.safetensors', b: '2.safetensors' },
      /"1.safetensors" lacks "a"; the index does not have "a" in "2.safetensors"/,
    ],
    ['a file elsewhere', { c: '../1.safetensors' }, /tensor "c" in "..\/1.safetensors"/],
  ])('is refused with %s', async (_what, weights, message) => {
    await expect(sharded(weights)).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_CHECKPOINT' }),
    );
    await expect(sharded(weights)).rejects.toThrow(message);
  });
});
