// What made a file, and whether it and its inputs are still the same.
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Checkpoint } from '@polyak/checkpoints';
import type { MergeRecord, VerifiedFile } from '@polyak/checkpoints/inspect';
import { mean, weighted } from '@polyak/checkpoints';
import { mergeRecordOf, verifyCheckpoint } from '@polyak/checkpoints/inspect';
import { slerp } from '@polyak/checkpoints/methods';
import type { MergeFilesOptions } from '@polyak/checkpoints/node';
import { mergeFiles, openCheckpoint } from '@polyak/checkpoints/node';
import type { HostTensor } from '@polyak/safetensors';
import { encodeSafetensors } from '@polyak/safetensors';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { f32, model, modelBytes, tensor } from '../formats/onnx-models.js';

let folder = '';
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'polyak-verify-'))));
afterEach(async () => rm(folder, { recursive: true }));

const at = (name: string): string => join(folder, name);

/** Tensors of odd lengths, which differ from seed to seed. */
function tensorsOf(seed: number): Record<string, HostTensor> {
  const numbers = Array.from({ length: 1_003 }, (_, index) => Math.sin(seed * 1_000 + index));
  return {
    'a.weight': { dtype: 'float32', shape: [1_003], data: Float32Array.from(numbers) },
    'a.half': {
      dtype: 'bfloat16',
      shape: [7],
      data: Uint16Array.from(numbers.slice(0, 7), (x) => 16_000 + 99 * x),
    },
    'b.weight': { dtype: 'float32', shape: [5], data: Float32Array.from(numbers.slice(7, 12)) },
    'b.steps': { dtype: 'int8', shape: [3], data: Int8Array.of(4, 5, 6) },
  };
}

const INPUTS = ['one.safetensors', 'two.safetensors', 'three.safetensors'];

async function writeInputs(): Promise<string[]> {
  for (const [seed, name] of INPUTS.entries()) {
    await writeFile(at(name), encodeSafetensors(tensorsOf(seed), { format: 'pt' }));
  }
  return INPUTS.map(at);
}

const open = async (name: string): Promise<Checkpoint | undefined> =>
  openCheckpoint(name).catch(() => undefined);

async function verified(path: string): Promise<VerifiedFile['verdict'][]> {
  const checkpoint = await openCheckpoint(path);
  try {
    return (await verifyCheckpoint(checkpoint, { open })).map(({ verdict }) => verdict);
  } finally {
    await checkpoint.close();
  }
}

async function recordIn(path: string): Promise<MergeRecord | undefined> {
  const checkpoint = await openCheckpoint(path);
  await checkpoint.close();
  return mergeRecordOf(checkpoint);
}

/** Changes one byte of a file, counted from its end. */
async function damage(path: string, fromEnd: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[bytes.length - fromEnd] = (bytes.at(-fromEnd) ?? 0) ^ 4;
  await writeFile(path, bytes);
}

describe('the record of a merge', () => {
  it('names the inputs, the method and the version', async () => {
    const inputs = await writeInputs();
    const names = { exclude: ['b.*'] };
    const method = weighted([0.5, 0.75, -0.25]);
    await mergeFiles(inputs, at('out.safetensors'), { method, names, nonFinite: 'propagate' });
    const record = await recordIn(at('out.safetensors'));
    const manifest = createRequire(import.meta.url)('@polyak/checkpoints/package.json') as object;
    expect(record).toMatchObject({
      version: Reflect.get(manifest, 'version') as string,
      method: { name: 'weighted', options: { weights: [0.5, 0.75, -0.25] } },
      inputs: inputs.map((name) => ({ name })),
      names,
      nonFinite: 'propagate',
    });
    const checksums = record?.inputs.flatMap((input) => input.checksums) ?? [];
    expect(new Set([...checksums, record?.output]).size).toBe(4);
    const out = await openCheckpoint(at('out.safetensors'));
    await out.close();
    expect(out.metadata['format']).toBe('pt');
    // The state of an average has other metadata.
    expect(out.format).toBe('safetensors');
  });

  it('is refused if it is malformed', () => {
    const input = { name: 'a', byteLength: 1, checksums: ['0123456789abcdef01234567'] };
    const record = {
      version: '1.0.0',
      checksum: 'multilinear-96',
      method: { name: 'mean', options: {} },
      inputs: [input],
      nonFinite: 'refuse',
      output: '0123456789abcdef01234567',
    };
    const read = (value: unknown): MergeRecord | undefined => {
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      return mergeRecordOf({ name: 'x', metadata: { 'polyak.merge': text } });
    };
    expect(read(record)).toEqual(record);
    const deep = `{"version":${'['.repeat(50_000)}${']'.repeat(50_000)}}`;
    const long = `[${'0,'.repeat(300_000)}0]`;
    for (const changed of [
      '',
      'null',
      '[]',
      '{',
      '{"version":"1","version":"2"}',
      deep,
      long,
      ...Object.keys(record)
        .filter((key) => key !== 'checksum')
        .map((key) => ({ ...record, [key]: undefined })),
      { ...record, checksum: 96 },
      { ...record, output: '0123456789abcdef0123456F' },
      { ...record, inputs: [] },
      { ...record, inputs: [{ ...input, byteLength: -1 }] },
      { ...record, inputs: [{ ...input, checksums: ['0'] }] },
      { ...record, base: {} },
      { ...record, names: { rename: [{ from: 'a' }] } },
      { ...record, names: { include: 'a' } },
      { ...record, rows: [1] },
      { ...record, dtype: 4 },
    ]) {
      expect(() => read(changed)).toThrow(
        expect.objectContaining({ code: 'ERR_CHECKPOINT' }) as Error,
      );
    }
  });
});

describe('verifying', () => {
  const cases: readonly [string, MergeFilesOptions][] = [
    ['a mean', { method: mean(3) }],
    ['a mean of some tensors', { method: mean(3), names: { include: ['a.*'] } }],
    [
      'renamed tensors',
      {
        method: mean(3),
        names: { rename: [{ from: 'a.*', to: 'c.*' }], exclude: ['/b\\.w/'] },
      },
    ],
    ['another dtype', { method: mean(3), dtype: 'float16' }],
    ['a merge in several files', { method: mean(3), shardBytes: 4_000 }],
  ];

  it.each(cases)('finds %s and its inputs unchanged', async (_, options) => {
    const inputs = await writeInputs();
    const name = options.shardBytes === undefined ? '' : '.index.json';
    const output = at(`out.safetensors${name}`);
    await mergeFiles(inputs, output, options);
    expect(await verified(output)).toEqual(['same', 'same', 'same', 'same']);
    // The merge can go on from the output, in its place.
    const method = mean(2);
    await mergeFiles([output, output], output, { ...options, method, force: true, names: {} });
    expect((await verified(output))[0]).toBe('same');
  });

  it('finds what was damaged, replaced or removed', async () => {
    const inputs = await writeInputs();
    const output = at('out.safetensors');
    await mergeFiles(inputs, output, { method: mean(3), names: { exclude: ['b.*'] } });
    // What was not read is not verified: the last tensor comes from the last input alone.
    await damage(inputs[0] ?? '', 1);
    expect(await verified(output)).toEqual(['same', 'same', 'same', 'same']);
    await damage(inputs[0] ?? '', 2_000);
    await damage(inputs[2] ?? '', 1);
    expect(await verified(output)).toEqual(['same', 'differs', 'same', 'differs']);
    await rm(inputs[1] ?? '');
    await writeFile(inputs[2] ?? '', encodeSafetensors({}));
    await damage(output, 900);
    expect(await verified(output)).toEqual(['differs', 'differs', 'missing', 'differs']);
  });

  it('finds files that were confused', async () => {
    const inputs = await writeInputs();
    await mergeFiles(inputs, at('out.safetensors'), { method: mean(3) });
    const [first = '', second = ''] = inputs;
    const bytes = await readFile(first);
    await writeFile(first, await readFile(second));
    await writeFile(second, bytes);
    expect(await verified(at('out.safetensors'))).toEqual(['same', 'differs', 'differs', 'same']);
  });

  it('follows a method that takes two passes', async () => {
    const [one = '', two = ''] = await writeInputs();
    const method = slerp(0.3);
    await mergeFiles([one, two], at('out.safetensors'), { method, names: { exclude: ['*.half'] } });
    expect(await verified(at('out.safetensors'))).toEqual(['same', 'same', 'same']);
  });

  it('verifies ONNX models', async () => {
    for (const seed of [1, 2]) {
      const graph = model([
        tensor('w', [3], { floatData: [seed, 2 * seed, 0.5] }),
        tensor('v', [2], { rawData: f32(seed, seed / 4) }),
        tensor('n', [2], { dataType: 7, int64Data: [5n, 6n] }),
      ]);
      await writeFile(at(`${seed}.onnx`), modelBytes(graph));
    }
    await mergeFiles([at('1.onnx'), at('2.onnx')], at('out.onnx'), { method: mean(2) });
    // Numbers that are not stored as bytes count as a file of their own.
    expect(new Set(await verified(at('out.onnx')))).toEqual(new Set(['same']));
  });

  it('verifies TensorFlow.js models', async () => {
    for (const seed of [1, 2]) {
      await mkdir(at(`${seed}`));
      const weights = [
        { name: 'dense/kernel', shape: [3], dtype: 'float32' },
        { name: 'dense/bias', shape: [1], dtype: 'float32' },
      ];
      const json = {
        format: 'layers-model',
        modelTopology: {},
        weightsManifest: [{ paths: ['part-1.bin', 'part-2.bin'], weights }],
      };
      await writeFile(at(`${seed}/model.json`), JSON.stringify(json));
      await writeFile(at(`${seed}/part-1.bin`), f32(seed, 2).subarray(0, 6));
      await writeFile(at(`${seed}/part-2.bin`), f32(9, seed, 3, 4, 5).subarray(6, 16));
    }
    await mkdir(at('out'));
    const inputs = [at('1/model.json'), at('2/model.json')];
    await mergeFiles(inputs, at('out/model.json'), { method: mean(2) });
    expect(new Set(await verified(at('out/model.json')))).toEqual(new Set(['same']));
  });

  it('finds two shards of an output that were confused', async () => {
    for (const name of ['in', 'out']) await mkdir(at(name));
    const weights = ['a', 'b'].map((name) => ({ name, shape: [2], dtype: 'float32' }));
    const weightsManifest = [{ paths: ['one.bin', 'two.bin'], weights }];
    const json = { format: 'layers-model', modelTopology: {}, weightsManifest };
    await writeFile(at('in/model.json'), JSON.stringify(json));
    await writeFile(at('in/one.bin'), f32(1, 2));
    await writeFile(at('in/two.bin'), f32(3, 4));
    await mergeFiles([at('in/model.json')], at('out/model.json'), { method: mean(1) });
    expect(await verified(at('out/model.json'))).not.toContain('differs');
    await writeFile(at('out/one.bin'), f32(3, 4));
    await writeFile(at('out/two.bin'), f32(1, 2));
    expect((await verified(at('out/model.json')))[0]).toBe('differs');
  });

  it('refuses the record of an older version by name', async () => {
    const [input = ''] = await writeInputs();
    const record = {
      version: '0.0.1',
      method: { name: 'mean', options: { weights: [1] } },
      inputs: [{ name: input, byteLength: 1, checksums: ['0123456789abcdef'] }],
      nonFinite: 'refuse',
      output: '0123456789abcdef',
    };
    const metadata = { 'polyak.merge': JSON.stringify(record) };
    await writeFile(at('old.safetensors'), encodeSafetensors(tensorsOf(1), metadata));
    expect(await recordIn(at('old.safetensors'))).toEqual(record);
    await expect(verified(at('old.safetensors'))).rejects.toMatchObject({
      code: 'ERR_CHECKPOINT',
      message: expect.stringMatching(/version 0\.0\.1, with checksums/) as string,
    });
  });

  it('needs a record', async () => {
    const [input = ''] = await writeInputs();
    await expect(verified(input)).rejects.toThrow('has no record of a merge');
  });
});
