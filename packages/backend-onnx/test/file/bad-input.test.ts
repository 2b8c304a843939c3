// Files that are damaged, or that lie: only ever a PolyakError, and soon.
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { averageModels, loadOnnxModel } from '@polyak/backend-onnx';
import { PolyakError } from '@polyak/core';
import * as fc from 'fast-check';
import type { TensorProto } from '@polyak/backend-onnx/proto';
import { TensorProtoSchema } from '@polyak/backend-onnx/proto';
import * as ort from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { graph, model, modelBytes, node, tensor, value } from '../model-builder.js';
import { gemm } from '../small-model.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'polyak-onnx-bad-'));
});
afterAll(async () => rm(folder, { recursive: true }));

/** The error that a source is refused with. */
async function refusal(source: string | Uint8Array): Promise<PolyakError> {
  const error: unknown = await loadOnnxModel(ort, source).then(
    async (loaded) => {
      await loaded.release();
      throw new Error('it was loaded');
    },
    (caught: unknown) => caught,
  );
  if (!PolyakError.is(error)) throw error;
  expect(error.code).toBe('ERR_MODEL');
  return error;
}

/** Loads what can be loaded; anything but a PolyakError is a failure. */
async function verdict(bytes: Uint8Array): Promise<'loaded' | 'refused'> {
  try {
    const loaded = await loadOnnxModel(ort, bytes, { onWarning: () => undefined });
    await loaded.release();
    return 'loaded';
  } catch (error) {
    if (PolyakError.is(error)) return 'refused';
    throw error;
  }
}

const adding = (initializer: TensorProto): Uint8Array =>
  modelBytes(
    model({
      nodes: [node('Add', ['x', 'w'], ['y'])],
      initializers: [initializer],
      inputs: [value('x', [1])],
      outputs: [value('y', ['n'])],
    }),
  );
const odd = (fields: Parameters<typeof create<typeof TensorProtoSchema>>[1]): Uint8Array =>
  adding(create(TensorProtoSchema, { name: 'w', dataType: 1, ...fields }));

describe('files that are not models', () => {
  it.each([
    ['an empty file', new Uint8Array(), /the file is empty/],
    ['a letter', new TextEncoder().encode('Dear Sir or Madam,\n'), /not an ONNX model/],
    ['zeros', new Uint8Array(1000), /not an ONNX model/],
    ['a message without a graph', Uint8Array.of(8, 8), /no graph/],
    ['a number that is cut off', Uint8Array.of(8, 0x80), /cut off/],
    [
      'an endless number',
      Uint8Array.of(8, ...Array.from({ length: 20 }, () => 0xff)),
      /more than 10 bytes/,
    ],
  ])('%s', async (_, bytes, message) => {
    expect((await refusal(bytes)).message).toMatch(message);
    const path = join(folder, 'no-model.onnx');
    await writeFile(path, bytes);
    expect((await refusal(path)).message).toContain(path);
  });

  it('folders and missing files', async () => {
    await mkdir(join(folder, 'folder.onnx'));
    expect((await refusal(join(folder, 'folder.onnx'))).message).toMatch(/not a file/);
    const missing = await refusal(join(folder, 'missing.onnx'));
    expect(missing.message).toContain('missing.onnx');
    expect(missing.cause).toMatchObject({ code: 'ENOENT' });
  });

  it.runIf(process.platform !== 'win32')('a pipe that nobody writes into', async () => {
    const pipe = join(folder, 'pipe.onnx');
    expect(spawnSync('mkfifo', [pipe]).status).toBe(0);
    expect((await refusal(pipe)).message).toMatch(/not a file/);
  });

  it('sources of another type', async () => {
    await expect(loadOnnxModel(ort, 3 as unknown as string)).rejects.toThrow(TypeError);
    await expect(averageModels(ort, [null as unknown as string])).rejects.toThrow(TypeError);
  });

  it('messages nested without end', async () => {
    // A sequence of sequences of sequences: TypeProto.Sequence in TypeProto in TypeProto.Sequence.
    const bytes = (length: number): number[] => {
      const out = [];
      for (let rest = length; ; rest = Math.floor(rest / 128)) {
        out.push(rest < 128 ? rest : (rest % 128) + 128);
        if (rest < 128) return out;
      }
    };
    let inner: number[] = [];
    for (let depth = 0; depth < 2000; depth += 1) {
      const field = depth % 2 === 0 ? 0x0a : 0x22;
      inner = [field, ...bytes(inner.length), ...inner];
    }
    const input = [0x12, ...bytes(inner.length), ...inner];
    const graphBytes = [0x5a, ...bytes(input.length), ...input];
    const error = await refusal(
      Uint8Array.of(8, 8, 0x3a, ...bytes(graphBytes.length), ...graphBytes),
    );
    expect(error.message).toMatch(/nested deeper/);
  });
});

describe('tensors that contradict themselves', () => {
  it.each([
    [
      'data shorter than the shape',
      odd({ dims: [3n], rawData: new Uint8Array(8) }),
      /8 bytes .* takes 12/,
    ],
    ['data longer than the shape', odd({ dims: [1n], floatData: [1, 2] }), /2 elements .* takes 1/],
    [
      'data in the wrong field',
      odd({ dims: [1n], doubleData: [1] }),
      /doubleData, expected floatData/,
    ],
    [
      'data in two fields',
      odd({ dims: [1n], floatData: [1], rawData: new Uint8Array(4) }),
      /and rawData/,
    ],
    ['a huge shape', odd({ dims: [2n ** 40n, 2n ** 40n] }), /has the shape/],
    [
      'a huge shape that hides behind a zero',
      odd({ dims: [2n ** 62n, 2n ** 62n, 0n] }),
      /has the shape/,
    ],
    ['a large shape without data', odd({ dims: [2n ** 33n] }), /holds 0 elements/],
    ['a negative extent', odd({ dims: [-1n], rawData: new Uint8Array(4) }), /has the shape \[-1\]/],
    [
      'a segment',
      odd({ dims: [1n], rawData: new Uint8Array(4), segment: { begin: 0n, end: 1n } }),
      /segment/,
    ],
    [
      'an unknown element type',
      odd({ dims: [1n], dataType: 99, rawData: new Uint8Array(4) }),
      /ONNX Runtime/,
    ],
    ['no name', odd({ name: '', dims: [1n], rawData: new Uint8Array(4) }), /no name/],
    [
      'integers that do not fit',
      odd({ dataType: 3, dims: [1n], int32Data: [300] }),
      /300 at index 0, which is not in the range of int8/,
    ],
  ])('%s', async (_, bytes, message) => {
    expect((await refusal(bytes)).message).toMatch(message);
  });

  it('two initializers of one name', async () => {
    const parts = gemm();
    parts.graph?.initializer.push(tensor('w', [1], [1]));
    expect((await refusal(modelBytes(parts))).message).toMatch(/two initializers are called "w"/);
  });
});

describe('graphs that cannot run', () => {
  const ends = { inputs: [value('x', [1])], outputs: [value('y', [1])] };
  const through = (...nodes: Parameters<typeof node>[]): Uint8Array =>
    modelBytes(model({ ...ends, nodes: nodes.map((parts) => node(...parts)) }));
  it.each([
    ['a cycle', through(['Add', ['x', 'y'], ['h']], ['Relu', ['h'], ['y']]), /acyclic/],
    ['a node that is its own input', through(['Add', ['x', 'y'], ['y']]), /acyclic|cyc/i],
    ['a missing input', through(['Add', ['x', 'nothing'], ['y']]), /nothing/],
    ['two nodes that make one value', through(['Relu', ['x'], ['y']], ['Neg', ['x'], ['y']]), /y/],
    ['an unknown operator', through(['Averagely', ['x'], ['y']]), /Averagely/],
    [
      'an operator of an unknown domain',
      through(['Relu', ['x'], ['y'], {}, 'org.example']),
      /org\.example/,
    ],
    [
      'an unknown opset',
      modelBytes(model({ ...ends, nodes: [node('Relu', ['x'], ['y'])], opset: 99 })),
      /99|opset/,
    ],
    [
      'an unknown IR version',
      modelBytes(model({ ...ends, nodes: [node('Relu', ['x'], ['y'])], irVersion: 999 })),
      /999|IR version/,
    ],
    [
      'a branch that refers to nothing',
      modelBytes(
        model({
          ...ends,
          nodes: [
            node('Less', ['x', 'x'], ['less']),
            node('If', ['less'], ['y'], {
              then_branch: {
                graph: graph({
                  nodes: [node('Relu', ['gone'], ['a'])],
                  outputs: [value('a', [1])],
                }),
              },
              else_branch: {
                graph: graph({ nodes: [node('Relu', ['x'], ['b'])], outputs: [value('b', [1])] }),
              },
            }),
          ],
        }),
      ),
      /gone/,
    ],
  ])('%s', async (_, bytes, message) => {
    const error = await refusal(bytes);
    expect(error.message).toMatch(message);
    expect(error.cause).toBeInstanceOf(Error);
  });
});

describe('any damage', () => {
  it('a model cut at every length is refused', async () => {
    const bytes = modelBytes(gemm());
    const loaded: number[] = [];
    for (let length = 0; length < bytes.length; length += 1) {
      if ((await verdict(bytes.subarray(0, length))) === 'loaded') loaded.push(length);
    }
    expect(loaded).toEqual([]);
  });

  it('a model with any byte changed loads or is refused', async () => {
    const bytes = modelBytes(gemm());
    const counts = { loaded: 0, refused: 0 };
    const anyDamage = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), {
      minLength: 1,
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(anyDamage, async (changes) => {
        const damaged = bytes.slice();
        for (const [index, byte] of changes) damaged[index] = byte;
        counts[await verdict(damaged)] += 1;
      }),
      { numRuns: 2000, seed: 3 },
    );
    console.log('2000 damaged models', counts);
    expect(Math.min(counts.loaded, counts.refused)).toBeGreaterThan(100);
  });

  it('any bytes at all are refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        expect(await verdict(bytes)).toBe('refused');
      }),
      { numRuns: 2000, seed: 4 },
    );
  });
});
