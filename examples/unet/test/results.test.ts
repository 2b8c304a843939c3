import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { methodLines } from '../src/results/methods.js';
import { readRecord, writeRecord } from '../src/results/records.js';
import { formatTable, tableOf } from '../src/results/table.js';
import { verdict } from '../src/results/verdict.js';
import { finishedRecord, finishedRun } from './fixture.js';

const lines = [1, 2].flatMap((seed) => methodLines(finishedRun(seed), '2 cores, tfjs:wasm'));

describe('methodLines', () => {
  it('has the scores of each method, and what it costs', () => {
    expect(methodLines(finishedRun(1), '2 cores, tfjs:wasm').at(-1)).toEqual({
      experiment: 'unet',
      budget: 8,
      seed: 1,
      method: 'average-bn-update',
      iou: 0.76,
      logLoss: 0.025,
      forwardPasses: 4,
      memoryBytes: 400,
      machine: '2 cores, tfjs:wasm',
    });
    expect(lines.find(({ method }) => method === 'ensemble')).toMatchObject({
      forwardPasses: 2 * 32,
      memoryBytes: 4 * 3 * 120,
    });
  });
});

describe('tableOf', () => {
  it('has a row for each method, with mean and sample standard deviation', () => {
    expect(formatTable(tableOf(lines)).split('\n')).toEqual([
      '| intersection over union | seed 1 | seed 2 | mean ± sd |',
      '| --- | ---: | ---: | ---: |',
      '| snapshot of cycle 2 | 0.6100 | 0.6200 | 0.6150 ± 0.0071 |',
      '| snapshot of cycle 3 | 0.6600 | 0.6700 | 0.6650 ± 0.0071 |',
      '| last iterate, the last snapshot | 0.7100 | 0.7200 | 0.7150 ± 0.0071 |',
      '| ensemble of the 3 snapshots | 0.7500 | 0.7600 | 0.7550 ± 0.0071 |',
      '| average of their weights, old batch norm | 0.6100 | 0.6200 | 0.6150 ± 0.0071 |',
      '| average of their weights, batch norm updated | 0.7600 | 0.7700 | 0.7650 ± 0.0071 |',
    ]);
  });

  it('has no mean of one seed', () => {
    expect(formatTable(tableOf(methodLines(finishedRun(1), '')))).toContain('| 0.7600 |');
  });
});

describe('verdict', () => {
  it('says who won, and with how many seeds', () => {
    expect(verdict(tableOf(lines))).toBe(
      'Intersection over union: average 0.7650 ± 0.0071, last iterate 0.7150 ± 0.0071, ensemble ' +
        '0.7550 ± 0.0071. The average is better than the last iterate with 2 of 2 seeds, and ' +
        'better than the ensemble with 2.',
    );
  });
});

describe('records', () => {
  let folder = '';
  beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'unet-'))));
  afterAll(async () => rm(folder, { recursive: true }));

  it('give back a finished seed, and refuse one of another run', async () => {
    const path = join(folder, 'seed-1.json');
    const record = finishedRecord(1);
    const { part, backend, run } = record;
    const expected = { part, backend, settings: run.settings };
    expect(await readRecord(path, expected)).toBeUndefined();
    await writeRecord(path, record);
    expect(await readRecord(path, expected)).toEqual(record);
    await expect(readRecord(path, { ...expected, part: 'validation' })).rejects.toThrow(
      'Name another folder by --output, or delete it.',
    );
  });
});
