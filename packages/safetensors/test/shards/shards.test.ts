import {
  formatShardIndex,
  parseShardIndex,
  shardIndexName,
  shardName,
  splitIntoShards,
} from '@polyak/safetensors';
import type { StoredSpec } from '@polyak/safetensors';
import { describe, expect, it } from 'vitest';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('splitIntoShards', () => {
  const specs = (...lengths: number[]): Map<string, StoredSpec> =>
    new Map(lengths.map((length, n) => [`t${n}`, { dtype: 'uint8', shape: [length] }]));

  it.each<[string, number[], number, string[][]]>([
    ['no tensors', [], 10, []],
    ['all that fit', [4, 6], 10, [['t0', 't1']]],
    ['one over the limit', [4, 7], 10, [['t0'], ['t1']]],
    ['a tensor that is too long', [4, 11, 6, 1], 10, [['t0', 't2'], ['t1'], ['t3']]],
    ['tensors without elements', [10, 0, 0], 10, [['t0', 't1', 't2']]],
  ])('cuts %s', (_what, lengths, maxBytes, expected) => {
    expect(splitIntoShards(specs(...lengths), maxBytes)).toEqual(expected);
  });

  it('refuses files of no bytes', () => {
    for (const maxBytes of [0, -1, NaN])
      expect(() => splitIntoShards(specs(1), maxBytes)).toThrow(/expected more than 0/);
  });

  it('names files as Hugging Face does', () => {
    expect(shardName('model.safetensors', 0, 12)).toBe('model-00001-of-00012.safetensors');
    expect(shardName('m.x.safetensors.index.json', 1, 2)).toBe('m.x-00002-of-00002.safetensors');
    expect(shardIndexName('model.safetensors')).toBe('model.safetensors.index.json');
  });
});

describe('the index of shards', () => {
  it('is written as Hugging Face does, and read', () => {
    const weights = new Map([
      ['b', 'm-00002-of-00002.safetensors'],
      ['10', 'm-00001-of-00002.safetensors'],
      ['__proto__', 'm-00001-of-00002.safetensors'],
      ['a"\\', 'm-00001-of-00002.safetensors'],
    ]);
    const bytes = formatShardIndex(weights, 123);
    const text = new TextDecoder().decode(bytes);
    expect(JSON.parse(text)).toMatchObject({ metadata: { total_size: 123 } });
    expect(text.split('\n').slice(0, 6)).toEqual([
      '{',
      '  "metadata": {',
      '    "total_size": 123',
      '  },',
      '  "weight_map": {',
      '    "10": "m-00001-of-00002.safetensors",',
    ]);
    expect(new Map(parseShardIndex(bytes))).toEqual(weights);
  });

  it('is read whatever stands beside the map, and in any form', () => {
    const text =
      '{"metadata":{"total_size":1e3,"x":[null]},"weight_map" :{"a" : "\\u0066"} ,"y":1}';
    expect([...parseShardIndex(bytesOf(text))]).toEqual([['a', 'f']]);
    expect(parseShardIndex(bytesOf('{"weight_map":{}}')).size).toBe(0);
  });

  it.each([
    ['../w.safetensors'],
    ['..'],
    ['.'],
    [''],
    ['/etc/passwd'],
    ['a/b'],
    ['a\\\\b'],
    ['C:w'],
    ['w\\u0000'],
    ['\\ud800'],
    ['\\u002e\\u002e'],
    ['\\u002fetc'],
  ])('refuses the file "%s"', (file) => {
    expect(() => parseShardIndex(bytesOf(`{"weight_map":{"w":"${file}"}}`))).toThrow(
      /tensor "w" in .*, expected the name of a file/,
    );
  });

  it.each([
    ['nothing', '', /not that of a sharded/],
    ['a list', '[]', /not that of a sharded/],
    ['no map', '{"metadata":{}}', /no weight_map/],
    ['a map that is a list', '{"weight_map":[]}', /not that of a sharded/],
    ['a file that is a number', '{"weight_map":{"w":1}}', /tensor "w" in 1, expected/],
    ['a file that is a list', '{"weight_map":{"w":["a"]}}', /tensor "w" in \["a"\], expected/],
    ['a tensor twice', '{"weight_map":{"w":"a","\\u0077":"b"}}', /the key "w" appears twice/],
    ['a map twice', '{"weight_map":{},"weight_map":{}}', /"weight_map" appears twice/],
    ['a name that is not well-formed', '{"weight_map":{"\\udc00":"a"}}', /not well-formed/],
    ['deep nesting', `{"x":${'['.repeat(1e5)}`, /too many values/],
    ['less deep nesting', `{"x":${'['.repeat(100)}`, /is not expected 16 levels deep/],
    ['no end', '{"weight_map":{"w":"a"', /not that of a sharded/],
    ['a second record', '{"weight_map":{}}{}', /not that of a sharded/],
    ['many values', `{"x":[${'1,'.repeat(1e5)}1]}`, /too many values/],
  ])('refuses %s', (_what, text, message) => {
    expect(() => parseShardIndex(bytesOf(text))).toThrow(
      expect.objectContaining({ code: 'ERR_SAFETENSORS' }),
    );
    expect(() => parseShardIndex(bytesOf(text))).toThrow(message);
  });

  it('refuses what is not UTF-8', () => {
    expect(() => parseShardIndex(Uint8Array.of(0x7b, 0xff))).toThrow(/the index is not UTF-8/);
  });
});
