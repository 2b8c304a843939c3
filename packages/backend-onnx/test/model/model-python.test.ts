// Saved models against the onnx package and Python's onnxruntime. POLYAK_PYTHON names a Python with
// numpy, onnx and onnxruntime; POLYAK_REQUIRE_PYTHON=1 makes its absence a failure.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { averageModels, loadOnnxModel } from '@polyak/backend-onnx';
import type { OnnxModel } from '@polyak/backend-onnx';
import * as fc from 'fast-check';
import type { ModelProto, TensorProto } from '@polyak/backend-onnx/proto';
import * as ort from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { model, modelBytes, node, tensor, value } from '../model-builder.js';

const script = fileURLToPath(new URL('python/check_onnx.py', import.meta.url));
const python = process.env['POLYAK_PYTHON'];
const missing = whyMissing();

function whyMissing(): string | undefined {
  if (python === undefined || python === '') {
    return 'POLYAK_PYTHON names no Python with numpy, onnx and onnxruntime';
  }
  const { error, status, stderr } = spawnSync(python, ['-c', 'import numpy, onnx, onnxruntime'], {
    encoding: 'utf8',
  });
  if (status === 0) return undefined;
  return `POLYAK_PYTHON=${python}: ${error?.message ?? stderr.trim().split('\n').at(-1)}`;
}

function runPython(...args: readonly string[]): string {
  const options = { encoding: 'utf8', maxBuffer: 2 ** 28 } as const;
  const { error, status, stdout, stderr } = spawnSync(python ?? '', [script, ...args], options);
  if (status !== 0) throw new Error(`check_onnx.py ${args[0]}: ${error?.message ?? stderr}`);
  return stdout;
}

/** Tensors as check_onnx.py writes them: dtype, shape, values by name. */
type Values = Readonly<Record<string, readonly [string, readonly number[], readonly number[]]>>;

function valuesOf(tensors: Readonly<Record<string, ort.Tensor>>): Values {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, { type, dims, data }]) => [
      name,
      [type, dims, Array.from(data as Float32Array)] as const,
    ]),
  );
}

/** What Python computes with a model, once it has checked it. */
function check(path: string, original: string, x: ort.Tensor): Values {
  return JSON.parse(runPython('check', path, original, JSON.stringify(valuesOf({ x })))) as Values;
}

function expectClose(found: Values, expected: Values): void {
  expect(Object.keys(found)).toEqual(Object.keys(expected));
  for (const [name, [dtype, shape, values]] of Object.entries(expected)) {
    expect(found[name]?.slice(0, 2)).toEqual([dtype, shape]);
    const scale = Math.max(...values.map(Math.abs), 1e-30);
    // The two builds may choose other kernels for the same sums.
    for (const [index, each] of values.entries()) {
      expect(Math.abs((found[name]?.[2][index] ?? NaN) - each) / scale).toBeLessThan(1e-6);
    }
  }
}

const isRequired = process.env['POLYAK_REQUIRE_PYTHON'] === '1';
// No reporter shows the title of a test in a file that is skipped whole.
if (missing !== undefined) console.warn(`Skipped: ONNX models against Python: ${missing}`);

it.runIf(isRequired || missing === undefined)('has a Python to compare with', () => {
  expect(missing).toBeUndefined();
  console.log(runPython('versions').trim());
});

/** Why bytes are not protobuf of a model, whatever a model may lack; undefined where they are. */
async function refusalOf(bytes: Uint8Array): Promise<string | undefined> {
  // An initializer that no model has: of a model that could be read, no session is made.
  const embed = ['no such initializer'];
  const message = await loadOnnxModel(ort, bytes, { embed }).then(
    () => 'none',
    (error: Error) => error.message,
  );
  const reason = /not an ONNX model, or a damaged one \((.*)\)/s.exec(message)?.[1];
  // These are read, but are not models.
  return /^its IR version|^it has no graph/.test(reason ?? '') ? undefined : reason;
}

/** protobuf sets such a field aside as unknown; the decoder here would misread it. */
const STRICTER = /has wire type \d, expected \d/;

/** A convolutional network with batch norm; `seed` makes other weights. */
function network(seed: number): ModelProto {
  let state = seed;
  const random = (): number => {
    state = (state * 16807) % 2147483647;
    return state / 2147483647 - 0.5;
  };
  const weight = (name: string, dims: readonly number[], from = -0.5): TensorProto => {
    const length = dims.reduce((a, b) => a * b, 1);
    return tensor(
      name,
      dims,
      Array.from({ length }, () => random() + 0.5 + from),
    );
  };
  const proto = model({
    nodes: [
      node('Conv', ['x', 'conv.weight', 'conv.bias'], ['c'], {
        pads: [1, 1, 1, 1],
        kernel_shape: [3, 3],
      }),
      node('BatchNormalization', ['c', 'bn.scale', 'bn.bias', 'bn.mean', 'bn.var'], ['n']),
      node('Relu', ['n'], ['r']),
      node('MaxPool', ['r'], ['p'], { kernel_shape: [2, 2], strides: [2, 2] }),
      node('Reshape', ['p', 'shape'], ['f']),
      node('Gemm', ['f', 'fc.weight', 'fc.bias'], ['y'], { transB: 1 }),
    ],
    initializers: [
      weight('conv.weight', [8, 3, 3, 3]),
      weight('conv.bias', [8]),
      weight('bn.scale', [8], 0.5),
      weight('bn.bias', [8]),
      weight('bn.mean', [8]),
      weight('bn.var', [8], 0.5),
      tensor('shape', [2], [-1, 128], 'int64'),
      weight('fc.weight', [10, 128]),
      weight('fc.bias', [10]),
    ],
    inputs: [value('x', ['batch', 3, 8, 8])],
    outputs: [value('y', ['batch', 10])],
  });
  proto.docString = 'a model';
  return proto;
}

const X = new ort.Tensor(
  'float32',
  Float32Array.from({ length: 2 * 3 * 8 * 8 }, (_, i) => Math.sin(i)),
  [2, 3, 8, 8],
);

describe.skipIf(missing !== undefined)('ONNX models against Python', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'polyak-onnx-python-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  async function expectAgreement(loaded: OnnxModel, path: string, original: string): Promise<void> {
    const expected = valuesOf(await loaded.run({ x: X }));
    expectClose(check(path, original, X), expected);
  }

  it.each([false, true])(
    'saves what the checker passes and Python computes alike (externalData: %s)',
    async (externalData) => {
      const original = join(folder, 'original.onnx');
      writeFileSync(original, modelBytes(network(1)));
      const loaded = await loadOnnxModel(ort, original);
      const path = join(folder, `saved-${externalData}.onnx`);
      await loaded.save(path, { externalData });
      await expectAgreement(loaded, path, original);

      const halved = Float32Array.from({ length: 8 }, (_, i) => i / 2);
      await loaded.initializers.get('conv.bias')?.set(new ort.Tensor('float32', halved, [8]));
      await loaded.save(path, { externalData });
      await expectAgreement(loaded, path, original);
      await loaded.release();
    },
  );

  it('saves an average of checkpoints that Python computes alike', async () => {
    const original = join(folder, 'first.onnx');
    writeFileSync(original, modelBytes(network(1)));
    const average = await averageModels(ort, [
      original,
      ...[2, 3].map((seed) => modelBytes(network(seed))),
    ]);
    const path = join(folder, 'average.onnx');
    await average.save(path);
    await expectAgreement(average, path, original);
    await average.release();
  });

  it('accepts only damaged files that protobuf reads, and refuses only misread ones', async () => {
    const bytes = modelBytes(network(1));
    const anyChange = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255));
    const anyDamage = fc.tuple(
      fc.array(anyChange, { minLength: 1, maxLength: 4 }),
      fc.oneof(fc.constant(bytes.length), fc.nat(bytes.length)),
    );
    const files = fc.sample(anyDamage, { numRuns: 20_000, seed: 6 }).map(([changes, length]) => {
      const damaged = bytes.slice(0, length);
      for (const [index, byte] of changes) if (index < length) damaged[index] = byte;
      return damaged;
    });
    const path = join(folder, 'damaged.json');
    writeFileSync(path, JSON.stringify(files.map((each) => Buffer.from(each).toString('base64'))));
    const verdicts = JSON.parse(runPython('judge', path)) as readonly boolean[];
    const counts = { read: 0, refused: 0, stricter: 0 };
    const disagreements: unknown[] = [];
    for (const [index, file] of files.entries()) {
      const refusal = await refusalOf(file);
      const isStricter = refusal !== undefined && STRICTER.test(refusal);
      if (refusal === undefined) counts.read += 1;
      else counts[isStricter ? 'stricter' : 'refused'] += 1;
      const agrees = isStricter || (refusal === undefined) === verdicts[index];
      if (!agrees) disagreements.push([refusal, Buffer.from(file).toString('base64')]);
    }
    expect(disagreements).toEqual([]);
    console.log(`${files.length} damaged models`, counts);
    expect(Math.min(...Object.values(counts))).toBeGreaterThan(100);
  });

  it('reads data in every form that Python writes, computes alike and saves alike', async () => {
    runPython('write', folder);
    const expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as Record<
      string,
      Values
    >;
    const x = new ort.Tensor('float32', Float32Array.of(1, -2, 3), [1, 3]);
    for (const [path, outputs] of Object.entries(expected)) {
      const loaded = await loadOnnxModel(ort, path);
      expect([...loaded.initializers.keys()]).toEqual(['w', 'b']);
      expectClose(valuesOf(await loaded.run({ x })), outputs);
      const saved = join(folder, 'saved.onnx');
      await loaded.save(saved);
      await loaded.release();
      expectClose(check(saved, path, x), outputs);
    }
    expect(Object.keys(expected)).toHaveLength(10);
  });
});
