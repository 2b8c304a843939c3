import * as fc from 'fast-check';
import {
  bytesSource,
  decodeSafetensors,
  encodeSafetensors,
  HeaderCache,
  layoutOf,
  openSafetensors,
} from '@polyak/safetensors';
import type { ByteSource, HostTensor } from '@polyak/safetensors';
import { describe, expect, it } from 'vitest';
import { anyTensor, DTYPES, tensorOfBytes } from '../../../../tests/support/arbitrary-tensor.js';
import { anyBrokenFile, fileOf, sample } from '../broken-file.js';
import { entries, info, layouts, preambles } from '../hostile-files.js';

/** A source that notes what is read. */
function watched(bytes: Uint8Array): ByteSource & { readonly reads: [number, number][] } {
  const source = bytesSource(bytes);
  const reads: [number, number][] = [];
  const read = (offset: number, length: number): Uint8Array | Promise<Uint8Array> => {
    reads.push([offset, length]);
    return source.read(offset, length);
  };
  return { size: source.size, reads, read };
}

/** A file of `size` bytes, of which only the first ones are not zero. */
function sparse(head: Uint8Array, size: number): ByteSource & { readonly reads: number[] } {
  const reads: number[] = [];
  return {
    size,
    reads,
    read(offset, length) {
      reads.push(offset);
      const bytes = new Uint8Array(length);
      bytes.set(head.subarray(offset, offset + length));
      return bytes;
    },
  };
}

const elementsOf = ({ data }: HostTensor, begin: number, end: number): number[] =>
  Array.from(new Uint8Array(data.buffer, data.byteOffset)).slice(
    begin * data.BYTES_PER_ELEMENT,
    end * data.BYTES_PER_ELEMENT,
  );

describe('openSafetensors', () => {
  it('reads what decodeSafetensors reads, of every dtype, whole and in part', async () => {
    const { tensors, metadata } = decodeSafetensors(sample);
    const file = await openSafetensors(bytesSource(sample));
    expect(file.metadata).toEqual(metadata);
    expect(new Set(file.tensors.keys())).toEqual(new Set(Object.keys(tensors)));
    for (const [name, tensor] of Object.entries(tensors)) {
      expect(await file.read(name)).toEqual(tensor);
      const { data } = tensor;
      for (let begin = 0; begin <= data.length; begin += 1) {
        const part = await file.read(name, { begin, end: data.length });
        expect(part.shape).toEqual([data.length - begin]);
        expect(part.dtype).toBe(tensor.dtype);
        expect(elementsOf(part, 0, part.data.length)).toEqual(
          elementsOf(tensor, begin, data.length),
        );
      }
    }
    expect(DTYPES.every((dtype) => file.tensors.has(dtype))).toBe(true);
  });

  it('reads any tensors of any names', async () => {
    const anyName = fc.string({ unit: 'grapheme' }).filter((name) => name !== '__metadata__');
    await fc.assert(
      fc.asyncProperty(fc.dictionary(anyName, anyTensor), async (tensors) => {
        const file = await openSafetensors(bytesSource(encodeSafetensors(tensors)));
        for (const [name, tensor] of Object.entries(tensors))
          expect(await file.read(name)).toEqual(tensor);
        expect(file.tensors.size).toBe(Object.keys(tensors).length);
      }),
      { seed: 1 },
    );
  });

  it('lists tensors in the order of their data', async () => {
    const members = `"b":${info('"U8"', '[2]', '[1,3]')},"a":${info('"U8"', '[1]', '[0,1]')}`;
    const file = await openSafetensors(bytesSource(fileOf(`{${members}}`, [7, 8, 9])));
    expect([...file.tensors.keys()]).toEqual(['a', 'b']);
    expect((await file.read('b')).data).toEqual(Uint8Array.of(8, 9));
  });

  it('reads the header and none of the data', async () => {
    const source = watched(sample);
    const file = await openSafetensors(source);
    const begins = [...file.tensors.values()].map(({ begin }) => begin);
    expect(source.reads).toEqual([
      [0, 8],
      [8, Math.min(...begins) - 8],
    ]);
    await file.read('int16', { begin: 1, end: 3 });
    expect(source.reads.slice(2)).toEqual([[(file.tensors.get('int16')?.begin ?? 0) + 2, 4]]);
  });

  it('reads behind 2^32 bytes', async () => {
    const specs = new Map([
      ['a', { dtype: 'float32', shape: [2 ** 33] }],
      ['b', { dtype: 'uint8', shape: [5] }],
    ]);
    const { header, tensors } = layoutOf(specs);
    const [, b] = tensors;
    expect(b?.begin).toBe(header.byteLength + 2 ** 35);
    const source = sparse(header, header.byteLength + 2 ** 35 + 5);
    const file = await openSafetensors(source);
    expect(file.tensors.get('b')).toEqual(b);
    await file.read('b', { begin: 3, end: 5 });
    await file.read('a', { begin: 2 ** 33 - 1, end: 2 ** 33 });
    expect(source.reads.slice(2)).toEqual([
      header.byteLength + 2 ** 35 + 3,
      header.byteLength + 2 ** 35 - 4,
    ]);
  });

  it('reads into memory where the source can', async () => {
    const { read, size } = watched(sample);
    const offsets: number[] = [];
    const file = await openSafetensors({
      size,
      read,
      readInto(offset, target) {
        offsets.push(offset);
        target.set(sample.subarray(offset, offset + target.byteLength));
      },
    });
    expect(await file.read('float64')).toEqual(decodeSafetensors(sample).tensors['float64']);
    expect(offsets).toEqual([file.tensors.get('float64')?.begin]);
  });

  it('names tensors and elements that are not there', async () => {
    const file = await openSafetensors(bytesSource(sample));
    await expect(file.read('none')).rejects.toThrow(/tensor "none" is not in the file/);
    for (const range of [
      { begin: 2, end: 1 },
      { begin: -1, end: 1 },
      { begin: 0, end: 4 },
      { begin: 0.5, end: 1 },
      { begin: 0, end: NaN },
    ])
      await expect(file.read('float32', range)).rejects.toThrow(/"float32" has 3 elements/);
  });

  it('shares the tensors of equal headers, and of no others', async () => {
    const tensors = { w: tensorOfBytes('float32', [2], [1, 2, 3, 4, 5, 6, 7, 8]) };
    const open = (bytes: Uint8Array): ReturnType<typeof openSafetensors> =>
      openSafetensors(bytesSource(bytes), { headers });
    const headers = new HeaderCache();
    const first = await open(encodeSafetensors(tensors, { step: '1' }));
    const again = await open(encodeSafetensors(tensors, { step: '1' }));
    const other = await open(encodeSafetensors(tensors, { step: '2' }));
    expect(again.tensors).toBe(first.tensors);
    expect(other.tensors).not.toBe(first.tensors);
    expect(other.metadata).toEqual({ step: '2' });
    const long = Uint8Array.of(...encodeSafetensors(tensors, { step: '1' }), 0);
    await expect(open(long)).rejects.toThrow(/9 bytes of data follow/);
  });
});

describe('openSafetensors, for dtypes that arrays do not hold', () => {
  const odd = fileOf(
    `{"e":${info('"F8_E4M3"', '[2]', '[0,2]')},"f":${info('"F8_E5M2"', '[1]', '[2,3]')},` +
      `"g":${info('"F4"', '[4]', '[3,5]')},"h":${info('"U8"', '[1]', '[5,6]')}}`,
    [1, 2, 3, 4, 5, 6],
  );

  it('lists them, and reads the others', async () => {
    const file = await openSafetensors(bytesSource(odd));
    expect([...file.tensors.values()].map(({ dtype }) => dtype)).toEqual([
      'float8_e4m3fn',
      'float8_e5m2',
      'F4',
      'uint8',
    ]);
    const { begin, end } = file.tensors.get('g') ?? { begin: 0, end: 0 };
    expect([...odd.subarray(begin, end)]).toEqual([4, 5]);
    expect((await file.read('h')).data).toEqual(Uint8Array.of(6));
    for (const name of ['e', 'f', 'g']) {
      await expect(file.read(name)).rejects.toThrow(
        expect.objectContaining({
          code: 'ERR_UNSUPPORTED',
          message: expect.stringContaining(`tensor "${name}" is `),
        }),
      );
    }
  });

  it.each([
    ['float8 of the wrong length', '"F8_E4M3"', '[2]', '[0,3]', /3 bytes, expected 2/],
    ['offsets in reverse', '"F4"', '[8]', '[4,0]', /-4 bytes, expected 0/],
    ['a gap', '"F4"', '[4]', '[1,4]', /leaves a gap before it/],
    ['data that nothing fills', '"F4"', '[4]', '[0,2]', /fill 2/],
    ['a shape that is none', '"F4"', '[-4]', '[0,4]', /has shape \[-4\]/],
    ['a dtype of ours', '"float32"', '[4]', '[0,4]', /has dtype "float32"/],
    ['a dtype that is no name', '"F 4"', '[4]', '[0,4]', /has dtype "F 4"/],
    ['a long dtype', `"${'F'.repeat(33)}"`, '[4]', '[0,4]', /has dtype "F{33}"/],
  ])('refuses %s', async (_what, dtype, shape, offsets, message) => {
    const file = fileOf(`{"w":${info(dtype, shape, offsets)}}`, [1, 2, 3, 4]);
    await expect(openSafetensors(bytesSource(file))).rejects.toThrow(message);
  });
});

describe('openSafetensors, given a hostile file', () => {
  const unchecked = new Set(['the dtype F8_E4M3', 'a bool of 2']);
  const refused = [...preambles, ...entries, ...layouts].filter(([what]) => !unchecked.has(what));

  it.each(refused)('refuses %s', async (_what, bytes, message) => {
    // Which dtypes are expected differs.
    const found = message.source.replace('expected one of U64, ', 'expected');
    await expect(openSafetensors(bytesSource(bytes))).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_SAFETENSORS' }),
    );
    await expect(openSafetensors(bytesSource(bytes))).rejects.toThrow(new RegExp(found));
  });

  it('checks bools when they are read', async () => {
    const bytes = fileOf(`{"w":${info('"BOOL"', '[2]', '[0,2]')}}`, [1, 2]);
    const file = await openSafetensors(bytesSource(bytes));
    await expect(file.read('w')).rejects.toThrow(/"w" holds the bool 2/);
    expect((await file.read('w', { begin: 0, end: 1 })).data).toEqual(Uint8Array.of(1));
  });

  it('agrees with decodeSafetensors on any file, but for dtypes and bools', async () => {
    let read = 0;
    await fc.assert(
      fc.asyncProperty(anyBrokenFile, async (bytes) => {
        const attempt = async (reading: () => unknown): Promise<string> => {
          try {
            await reading();
            return 'read';
          } catch (error) {
            return error instanceof Error ? error.message : String(error);
          }
        };
        const whole = await attempt(() => decodeSafetensors(bytes));
        const streamed = await attempt(() => openSafetensors(bytesSource(bytes)));
        if (whole === 'read') read += 1;
        const differs = /has dtype|holds the bool/.test(whole);
        expect(differs ? whole : streamed).toBe(whole);
      }),
      { numRuns: 5000, seed: 1 },
    );
    expect(read).toBeGreaterThan(100);
  });

  it('refuses sources that give fewer bytes than they were asked for', async () => {
    const cut = (length: number): ByteSource => ({
      size: sample.length,
      read: (offset, asked) => sample.subarray(offset, Math.min(offset + asked, length)),
    });
    for (const length of [4, 20])
      await expect(openSafetensors(cut(length))).rejects.toThrow(/the source gave .* cut short/);
    const file = await openSafetensors(cut(sample.length - 1));
    const last = [...file.tensors.values()].at(-1)?.name ?? '';
    await expect(file.read(last)).rejects.toThrow(/the source gave 2 bytes at .*, expected 3/);
  });
});

describe('headers', () => {
  const names = ['w', 'model.layers.0.weight', 'a"b', '\\', '__metadata__x', '\u{1f600}', ''];
  const bytes = encodeSafetensors(
    Object.fromEntries(
      names.map((name, n) => [
        name,
        tensorOfBytes('uint16', n === 3 ? [] : [n, 2], [n, n + 1, 2, 3]),
      ]),
    ),
    { a: 'b' },
  );

  it.each<[string, (json: string) => string]>([
    ['indented', (json) => JSON.stringify(JSON.parse(json), null, 1)],
    ['as Python writes JSON', (json) => json.replace(/(?<=["\d\]}])[:,]/g, '$& ')],
    ['with escapes', (json) => json.replace('layers', 'l\\u0061yers').replace('"w"', '"\\u0077"')],
  ])('are read alike in the canonical form and %s', async (_how, rewritten) => {
    const canonical = await openSafetensors(bytesSource(bytes));
    const begin = Math.min(...[...canonical.tensors.values()].map((tensor) => tensor.begin));
    const json = rewritten(new TextDecoder().decode(bytes.subarray(8, begin)));
    const spaced = fileOf(json, bytes.subarray(begin));
    const other = await openSafetensors(bytesSource(spaced));
    const shift = spaced.length - bytes.length;
    expect([...other.tensors.values()]).toEqual(
      [...canonical.tensors.values()].map((tensor) => ({
        ...tensor,
        begin: tensor.begin + shift,
        end: tensor.end + shift,
      })),
    );
    expect(other.metadata).toEqual(canonical.metadata);
  });
});
