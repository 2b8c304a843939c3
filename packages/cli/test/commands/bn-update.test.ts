import { copyFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { bnUpdate } from '@polyak/core';
import { batchNormModel, loadOnnxModel } from '@polyak/backend-onnx';
import * as ort from 'onnxruntime-node';
import { run } from '#program';
import { Folder } from '../files.js';
import { surroundings } from '../surroundings.js';

const folder = new Folder();
const fixture = fileURLToPath(
  new URL('../../../backend-onnx/test/fixtures/conv.onnx', import.meta.url),
);
const pixels = Float32Array.from({ length: 6 * 128 }, (_, n) => Math.sin(n));

/** Writes pixels as NumPy does. */
function writeArray(name: string): string {
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (6, 2, 8, 8), }`.padEnd(117);
  const prefix = Buffer.from('\u0093NUMPY\u0001\u0000v\u0000', 'latin1');
  writeFileSync(
    folder.at(name),
    Buffer.concat([prefix, Buffer.from(`${header}\n`), Buffer.from(pixels.buffer)]),
  );
  return folder.at(name);
}

async function statisticsOf(path: string): Promise<Readonly<Record<string, readonly number[]>>> {
  const model = await loadOnnxModel(ort, path, { onWarning: () => undefined });
  const found = [...model.initializers]
    .filter(([name]) => name.includes('running'))
    .map(([name, { get }]) => [name, [...(get().data as Float32Array)]] as const);
  await model.release();
  return Object.fromEntries(found);
}

/** What the library makes of batches of 4 and 2. */
async function expected(): Promise<Readonly<Record<string, readonly number[]>>> {
  const model = await loadOnnxModel(ort, fixture, { onWarning: () => undefined });
  const batchNorm = batchNormModel(ort, model);
  const batches = [pixels.slice(0, 512), pixels.slice(512)].map(
    (data) => new ort.Tensor('float32', data, [data.length / 128, 2, 8, 8]),
  );
  await bnUpdate(batches, batchNorm);
  await model.save(folder.at('expected.onnx'));
  await batchNorm.release();
  await model.release();
  return statisticsOf(folder.at('expected.onnx'));
}

describe('polyak bn-update', () => {
  it('writes the model with the statistics of the data', async () => {
    const data = writeArray('x.npy');
    const output = folder.at('updated.onnx');
    const { context, stdout, stderr } = surroundings();
    const args = ['bn-update', fixture, '--data', data, '--batch-size', '4', '-o', output];
    const code = await run([...args, '--json'], context);
    expect({ code, stderr: stderr() }).toMatchObject({ code: 0 });
    expect((JSON.parse(stdout()) as { readonly layers: unknown }).layers).not.toEqual([]);
    expect(await statisticsOf(output)).toEqual(await expected());
    expect(await statisticsOf(output)).not.toEqual(await statisticsOf(fixture));
  });

  it('replaces its model only with --force', async () => {
    const model = folder.at('model.onnx');
    copyFileSync(fixture, model);
    const args = ['bn-update', model, '--data', writeArray('y.npy'), '-o', model];
    const { context } = surroundings();
    expect(await run(args, context)).toBe(5);
    expect(await run([...args, '--force'], context)).toBe(0);
    expect(await statisticsOf(model)).not.toEqual(await statisticsOf(fixture));
  });

  it('refuses data that is no array, before anything is written', async () => {
    const { context, stderr } = surroundings();
    const args = ['bn-update', fixture, '--data', fixture, '-o', folder.at('no.onnx')];
    expect(await run(args, context)).toBe(3);
    expect(stderr()).toContain('is not in the format .npy');
  });
});
