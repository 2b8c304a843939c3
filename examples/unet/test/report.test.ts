import { parseHTML } from 'linkedom';
import { describe, expect, it } from 'vitest';
import { renderReport } from '../src/report/report.js';
import { methodLines } from '../src/results/methods.js';
import { tableOf } from '../src/results/table.js';
import { verdict } from '../src/results/verdict.js';
import { finishedRecord, finishedRun } from './fixture.js';

const records = [finishedRecord(1), finishedRecord(2)];
const lines = [1, 2].flatMap((seed) => methodLines(finishedRun(seed), '2 cores, tfjs:wasm'));
const pixels = 6 * 48 * 48;
const html = renderReport({
  records,
  lines,
  scored: { images: new Float32Array(pixels), masks: new Float32Array(pixels), count: 6 },
});
const { document } = parseHTML(html);

describe('renderReport', () => {
  it('opens with the verdict and the table', () => {
    expect(document.querySelector('.verdict')?.textContent).toBe(verdict(tableOf(lines)));
    const rows = [...document.querySelectorAll('.results tbody tr')].map((row) =>
      [...row.children].map((cell) => cell.textContent),
    );
    expect(rows[3]).toEqual(['ensemble of the 3 snapshots', '0.7500', '0.7600', '0.7550 ± 0.0071']);
    expect(rows).toHaveLength(6);
  });

  it('plots each cycle and each method of each seed', () => {
    const [cycles, methods] = [...document.querySelectorAll('figure')].map((figure) =>
      [...figure.querySelectorAll('circle title')].map((title) => title.textContent),
    );
    expect(cycles).toHaveLength(2 * (4 + 3));
    expect(cycles).toContain('average, batch norm updated, seed 2, cycle 4: 0.7700');
    expect(methods).toEqual([
      'last iterate, seed 1: 0.7100',
      'last iterate, seed 2: 0.7200',
      'ensemble, seed 1: 0.7500',
      'ensemble, seed 2: 0.7600',
      'average, seed 1: 0.7600',
      'average, seed 2: 0.7700',
    ]);
  });

  it('shows six pictures with three masks each', () => {
    const images = [...document.querySelectorAll('.masks img')];
    expect(images).toHaveLength(24);
    for (const image of images) {
      expect(image.getAttribute('src')).toMatch(/^data:image\/png;base64,iVBORw0KGgo/);
    }
  });

  it('says how the network was trained', () => {
    const text = document.querySelector('.settings')?.textContent;
    for (const fact of [
      'U-Net, 100 weights',
      '33 steps of 16 pictures, 4 a pass',
      '4 cycles of 2 passes, from 0.01 to 0.2 and back',
      'tfjs:wasm',
      'time of seed 2',
    ]) {
      expect(text).toContain(fact);
    }
  });

  it('needs no other file and no network', () => {
    expect(document.querySelectorAll('script, link, iframe, object, [href]')).toHaveLength(0);
    expect(html.replaceAll(/xmlns(:\w+)?="[^"]*"/g, '')).not.toMatch(
      /https?:|url\((?!#)|@import|@font-face/,
    );
    expect(html).not.toMatch(/NaN|undefined|Infinity/);
  });
});
