// The models of fixtures/, updated on ONNX Runtime, against what PyTorch and NumPy make of the same
// weights and data.
import { readFileSync } from 'node:fs';
import { batchNormModel, loadOnnxModel } from '@polyak/backend-onnx';
import type { MomentsReduction } from '@polyak/backend-onnx';
import type { BnStatistics } from '@polyak/core';
import type { RunningStatistics } from '@polyak/core/interfaces';
import { bnUpdate } from '@polyak/core';
import * as ort from 'onnxruntime-node';
import { expect } from 'vitest';

/** What make_fixtures.py wrote. */
interface Fixture {
  readonly files: readonly string[];
  readonly batches: readonly Record<string, { dims: number[]; data: number[] }>[];
  readonly expected: Readonly<
    Record<BnStatistics, Record<string, { mean: number[]; variance: number[] }>>
  >;
}

/** The networks that make_fixtures.py knows. */
export const FIXTURES = ['conv', 'mlp', 'volume', 'two-inputs', 'shared'];

const STATISTICS = ['unweighted', 'cumulative', 'pooled'] as const;

/** A file of fixtures/. */
export function pathOf(file: string): string {
  return new URL(`../fixtures/${file}`, import.meta.url).pathname;
}

function fixture(name: string): Fixture {
  return JSON.parse(readFileSync(pathOf(`${name}.json`), 'utf8')) as Fixture;
}

function batchesOf({ batches }: Fixture): readonly Record<string, ort.Tensor>[] {
  return batches.map((batch) =>
    Object.fromEntries(
      Object.entries(batch).map(([name, { dims, data }]) => [
        name,
        new ort.Tensor('float32', data, dims),
      ]),
    ),
  );
}

/** How an update runs. */
export interface Ways {
  readonly reduction: MomentsReduction;
  readonly provider: 'cpu' | 'webgpu';
}

/**
 * The running statistics after an update by each way of merging, one after the other on one model.
 */
async function updated(
  file: string,
  of: Fixture,
  { reduction, provider }: Ways,
): Promise<ReadonlyMap<BnStatistics, ReadonlyMap<string, RunningStatistics>>> {
  const model = await loadOnnxModel(ort, pathOf(`${file}.onnx`), {
    executionProviders: [provider],
    mode: 'inference', // one of the files was exported in training mode
    onWarning: () => undefined,
  });
  const batchNorm = batchNormModel(ort, model, { reduction, executionProviders: [provider] });
  const found = new Map<BnStatistics, ReadonlyMap<string, RunningStatistics>>();
  try {
    for (const statistics of STATISTICS) {
      await bnUpdate(batchesOf(of), batchNorm, { statistics });
      const read = batchNorm.layers.map(async (layer) => [layer.name, await layer.read()] as const);
      found.set(statistics, new Map(await Promise.all(read)));
    }
    return found;
  } finally {
    await batchNorm.release();
    await model.release();
  }
}

/** The largest error relative to the value or, where that is smaller, to 1. */
function errorOf(
  found: ReadonlyMap<string, RunningStatistics>,
  expected: Readonly<Record<string, { mean: number[]; variance: number[] }>>,
): number {
  const errors = Object.entries(expected).flatMap(([name, layer]) =>
    (['mean', 'variance'] as const).flatMap((key) =>
      layer[key].map(
        (value, c) =>
          Math.abs((found.get(name)?.[key][c] ?? NaN) - value) / Math.max(1, Math.abs(value)),
      ),
    ),
  );
  return Math.max(...errors);
}

/** Updates every file of a network in every way of merging. */
export async function expectAgreement(name: string, ways: Ways): Promise<void> {
  const of = fixture(name);
  let updates = 0;
  for (const file of of.files) {
    const model = await loadOnnxModel(ort, pathOf(`${file}.onnx`));
    const opset = Number(model.proto.opsetImport.find(({ domain }) => domain === '')?.version);
    await model.release();
    if (ways.reduction === 'training-mode' && opset < 14) continue;
    for (const [statistics, found] of await updated(file, of, ways)) {
      expect([...found.keys()]).toEqual(Object.keys(of.expected[statistics]));
      expect(errorOf(found, of.expected[statistics]), `${file} ${statistics}`).toBeLessThan(1e-5);
      updates += 1;
    }
  }
  expect(updates).toBeGreaterThan(0);
}
