import { describe, expect, it } from 'vitest';
import { renderReport } from '../src/report.js';
import type { FleetResult } from '../src/result.js';
import { formatTable } from '../src/table.js';

const RESULT: FleetResult = {
  options: {
    seed: 1,
    firstSteps: 20,
    steps: 56,
    workers: 2,
    trainImages: 6400,
    backend: 'wasm',
    output: 'out',
  },
  backend: 'tfjs:wasm',
  testImages: 10_000,
  rows: [
    { name: 'worker 1', samples: 17_408, seconds: 12.34, accuracy: 0.9512, loss: 0.15 },
    {
      name: 'SWAP: the average of 2',
      samples: 24_576,
      seconds: 12.34,
      accuracy: 0.9601,
      loss: 0.12,
    },
    { name: 'single process, same images', samples: 24_576, seconds: 9, accuracy: 0.97, loss: 0.1 },
    { name: 'single process, same time', samples: 33_664, seconds: 12, accuracy: 0.98, loss: 0.09 },
  ],
  jobs: [
    { round: 0, worker: 0, process: 1, started: 0.5, ended: 4, loss: 0.4 },
    { round: 1, worker: 0, process: 1, started: 4.5, ended: 8, loss: 0.2 },
    { round: 1, worker: 1, process: 2, started: 9, ended: 12, loss: 0.21 },
  ],
  killed: { process: 2, started: 4.5, at: 5.5 },
  seconds: 60,
};

describe('the table', () => {
  it('has a line for each row, in aligned columns', () => {
    const lines = formatTable(RESULT.rows).split('\n');
    expect(lines).toHaveLength(6);
    expect(lines[3]).toMatch(/^SWAP: the average of 2 +24,576 +12\.3 s +96\.01 % +0\.1200$/);
    expect(new Set(lines.map((line) => line.length)).size).toBe(1);
  });
});

describe('the report', () => {
  const page = renderReport(RESULT);

  it('says what was measured and names no winner', () => {
    expect(page).toContain('The average of the workers: 96.01 % test accuracy.');
    expect(page).toContain('97.00 % after as many images, 98.00 % after about the same time');
    expect(page).toContain('Process 2 was killed on the way.');
  });

  it('draws each job in the row of its process, and the kill', () => {
    expect(page.match(/<rect /g)).toHaveLength(4);
    expect(page).toContain('✕ killed');
    expect(page).toContain('process 2');
  });

  it('needs nothing from elsewhere', () => {
    expect(page).not.toMatch(/(?:src|href)="(?!#)/);
  });
});
