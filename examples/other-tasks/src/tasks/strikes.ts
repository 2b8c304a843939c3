// A table: in which phase of a flight an aircraft struck a bird. Records of the FAA out of the npm
// package vega-datasets, and a multilayer perceptron without batch norm.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { csvParse, type DSVRowString } from 'd3-dsv';
import { rollup } from 'd3-array';

import type { Samples } from '../samples.js';
import { partsOf } from './parts.js';
import type { Task } from './task.js';

const PHASES = ['Approach', 'Climb', 'Take-off run', 'Landing Roll', 'Descent'];
const CATEGORIES = [
  'Airport Name',
  'Aircraft Make Model',
  'Effect Amount of damage',
  'Aircraft Airline Operator',
  'Wildlife Size',
  'Wildlife Species',
  'Time of day',
];
/** Rarer values of a category share one column. */
const RARE = 40;
const MONTHS = 12;

/** The phase of flight, 6,000 strikes to train on. */
export const strikes: Task = {
  name: 'strikes',
  classes: PHASES,
  epochs: 10,
  batchSize: 64,
  scoreEvery: 5,
  candidates: {
    sgd: [0.01, 0.03, 0.1],
    'sgd-constant': [0.01, 0.03, 0.1],
    adam: [0.0003, 0.001, 0.003],
    'adam-annealed': [0.0003, 0.001, 0.003],
  },
  rates: { sgd: 0.03, 'sgd-constant': 0.01, adam: 0.001, 'adam-annealed': 0.003 },
  async read() {
    const script = createRequire(import.meta.url).resolve('vega-datasets');
    const file = join(script, '../../data/birdstrikes.csv');
    const samples = encodeStrikes(csvParse(await readFile(file, 'utf8')));
    return partsOf(samples, { train: 6_000, validation: 1_000, test: 2_900 });
  },
  createModel(tf, { seed, inputShape }) {
    const kernel = (part: number) => tf.initializers.heNormal({ seed: 10 * seed + part });
    const hidden = { units: 64, activation: 'relu' } as const;
    return tf.sequential({
      layers: [
        tf.layers.dense({ ...hidden, inputShape: [...inputShape], kernelInitializer: kernel(0) }),
        tf.layers.dense({ ...hidden, kernelInitializer: kernel(1) }),
        tf.layers.dense({ units: PHASES.length, kernelInitializer: kernel(2) }),
      ],
    });
  },
};

/**
 * One column for each frequent value of a category and each month, one for the rare values of a
 * category, and two for the speed: in hundreds of knots, and whether it is there. Costs are left
 * out, and so are the 29 strikes of parked and taxiing aircraft.
 */
export function encodeStrikes(records: readonly DSVRowString[]): Samples {
  const rows = records.filter((record) => PHASES.includes(record['Phase of flight'] ?? ''));
  const columns = CATEGORIES.map((category) => columnsOf(rows, category));
  const width = columns.reduce((sum, { count }) => sum + count, 0) + MONTHS + 2;
  const inputs = new Float32Array(rows.length * width);
  for (const [row, record] of rows.entries()) {
    let start = row * width;
    for (const { category, indices, count } of columns) {
      inputs[start + (indices.get(record[category] ?? '') ?? 0)] = 1;
      start += count;
    }
    inputs[start + Number(record['Flight Date']?.slice(5, 7)) - 1] = 1;
    const speed = record['Speed IAS in knots'] ?? '';
    inputs[start + MONTHS] = Number(speed) / 100;
    inputs[start + MONTHS + 1] = speed === '' ? 0 : 1;
  }
  const labels = Uint8Array.from(rows, (record) => PHASES.indexOf(record['Phase of flight'] ?? ''));
  return { shape: [width], inputs, labels };
}

/** The columns of a category: 0 is that of the rare values. */
function columnsOf(rows: readonly DSVRowString[], category: string) {
  const counts = rollup(
    rows,
    (group) => group.length,
    (record) => record[category] ?? '',
  );
  const frequent = [...counts].filter(([, count]) => count >= RARE).map(([value]) => value);
  const indices = new Map(frequent.toSorted().map((value, index) => [value, index + 1]));
  return { category, indices, count: frequent.length + 1 };
}
