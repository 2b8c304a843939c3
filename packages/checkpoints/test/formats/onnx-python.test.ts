// Written ONNX models, as Python's onnx reads them. POLYAK_PYTHON names a Python with onnx;
// POLYAK_REQUIRE_PYTHON=1 makes its absence a failure.
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { external, f32, model, modelBytes, tensor } from './onnx-models.js';
import { bytesOf, open, requestFor, written } from './outputs.js';

const script = fileURLToPath(new URL('../python/onnx_tensors.py', import.meta.url));
const python = process.env['POLYAK_PYTHON'];
const isRequired = process.env['POLYAK_REQUIRE_PYTHON'] === '1';
const missing = whyMissing();

function whyMissing(): string | undefined {
  if (python === undefined || python === '') return 'POLYAK_PYTHON names no Python with onnx';
  const { error, status, stderr } = spawnSync(python, ['-c', 'import onnx'], { encoding: 'utf8' });
  if (status === 0) return undefined;
  return `POLYAK_PYTHON=${python}: ${error?.message ?? stderr.trim().split('\n').at(-1)}`;
}

// No reporter shows the title of a test in a file that is skipped whole.
if (missing !== undefined) console.warn(`Skipped: ONNX checkpoints against Python: ${missing}`);

it.runIf(isRequired || missing === undefined)('Python reads what was written', async () => {
  expect(missing).toBeUndefined();
  const folder = await mkdtemp(join(tmpdir(), 'polyak-onnx-checkpoint-'));
  try {
    const large = Float32Array.from({ length: 3000 }, (_, n) => Math.fround(Math.sin(n)));
    const input = modelBytes(
      model(
        [
          external('large', [3000], { location: 'data', offset: 8 }),
          external('small', [2], { location: 'data', length: 8 }),
          tensor('w', [2], { rawData: f32(1, 2) }),
          tensor('packed', [2], { floatData: [3, 4] }),
          tensor('half', [2], { dataType: 10, int32Data: [0x3c00, 0xc000] }),
          tensor('brain', [2], { dataType: 16, rawData: Uint8Array.of(0x80, 0x3f, 0x81, 0x3f) }),
          tensor('f8', [2], { dataType: 17, rawData: Uint8Array.of(0x38, 0xb9) }),
          tensor('f8b', [2], { dataType: 19, int32Data: [0x3c, 0xbd] }),
          tensor('i64', [3], { dataType: 7, int64Data: [-1n, 5n, 2n ** 40n] }),
          tensor('i4', [3], { dataType: 22, rawData: Uint8Array.of(0x21, 0x0f) }),
        ],
        { model: { metadataProps: [{ key: 'author', value: 'me' }] } },
      ),
    );
    const data = Buffer.concat([f32(5, 6), new Uint8Array(large.buffer)]);
    const checkpoint = await open(
      new Map([
        ['m.onnx', input],
        ['data', data],
      ]),
      'm.onnx',
    );
    const request = { ...requestFor(checkpoint, 'mean.onnx'), metadata: { 'polyak.by': 'mean' } };
    // The bytes of each tensor change, so that none of the input's pass for the output's.
    const elements = async (name: string): Promise<Uint8Array> =>
      (await bytesOf(checkpoint, name)).map((byte, at) => (at === 0 ? byte ^ 1 : byte));
    const files = await written(await checkpoint.layout(request), elements);
    for (const [name, bytes] of files) await writeFile(join(folder, name), bytes);
    const args = [script, join(folder, 'mean.onnx')];
    const { status, stdout, stderr } = spawnSync(python ?? '', args, { encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
    const found = JSON.parse(stdout) as {
      version: string;
      tensors: Readonly<Record<string, readonly [number, readonly number[], string]>>;
      metadata: unknown;
    };
    console.log(`onnx ${found.version}`);
    expect(found.metadata).toEqual({ 'polyak.by': 'mean' });
    expect(Object.keys(found.tensors)).toEqual([...checkpoint.tensors.keys()]);
    for (const [name, { shape, dtype }] of checkpoint.tensors) {
      const [, dims, hex] = found.tensors[name] ?? [];
      expect(dims).toEqual(shape);
      // onnx unpacks 4-bit integers.
      const bytes = Buffer.from(await elements(name)).toString('hex');
      expect(hex).toBe(dtype === 'INT4' ? '00020f' : bytes);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
