import { parseHTML } from 'linkedom';
import { describe, expect, it } from 'vitest';

import { renderReport } from '../src/report.js';
import { tableOf } from '../src/results.js';
import { verdict } from '../src/verdict.js';
import { finishedRuns, tinySettings } from './fixture.js';

const html = renderReport({
  settings: tinySettings,
  trainImages: 10_000,
  testImages: 2000,
  isValidation: false,
  backend: 'tfjs:<wasm>',
  runs: finishedRuns,
});
const { document } = parseHTML(html);

describe('renderReport', () => {
  it('opens with the verdict and the table', () => {
    expect(document.querySelector('.verdict')?.textContent).toBe(verdict(tableOf(finishedRuns)));
    const rows = [...document.querySelectorAll('.results tbody tr')].map((row) =>
      [...row.children].map((cell) => cell.textContent),
    );
    expect(rows[0]).toEqual(['SGD', '70.00', '72.00', '71.00 ± 1.41']);
    expect(rows).toHaveLength(4);
  });

  it('plots accuracy and loss by epoch, a point for each score of each seed', () => {
    const figures = [...document.querySelectorAll('figure')];
    expect(figures.map((figure) => figure.querySelector('h3')?.textContent)).toEqual([
      'SWA to 0.05, averaged from 75 %',
      'Training loss, SWA to 0.05',
    ]);
    const titles = [...(figures[0]?.querySelectorAll('circle title') ?? [])].map(
      (title) => title.textContent,
    );
    expect(titles).toEqual([
      'SGD, seed 1, epoch 2: 50.00',
      'SGD, seed 1, epoch 4: 70.00',
      'SGD, seed 2, epoch 2: 50.00',
      'SGD, seed 2, epoch 4: 72.00',
      'SWA, weights of the step, seed 1, epoch 2: 50.00',
      'SWA, weights of the step, seed 1, epoch 4: 60.00',
      'SWA, weights of the step, seed 2, epoch 2: 50.00',
      'SWA, weights of the step, seed 2, epoch 4: 60.00',
      'SWA, averaged, batch norm updated, seed 1, epoch 4: 73.00',
      'SWA, averaged, batch norm updated, seed 2, epoch 4: 71.00',
    ]);
  });

  it('says how both were trained', () => {
    const text = document.querySelector('.settings')?.textContent;
    for (const fact of [
      '10,000 to train on',
      'scores on 2,000 test images',
      '4 epochs of 1250 steps, 8 images a step',
      'momentum 0.9 and weight decay 0.0005',
      'learning rate 0.05 for half of the budget, then linearly to 0.0005 at 90 %',
      'learning rate 0.05, constant; averaged from 75 % of the budget, every 2 steps',
      'tfjs:<wasm>',
      '10 s + 20 s + 30 s',
    ]) {
      expect(text).toContain(fact);
    }
    expect(html).toContain('tfjs:&lt;wasm&gt;');
  });

  it('needs no other file and no network', () => {
    expect(
      document.querySelectorAll('script, link, img, iframe, object, [src], [href]'),
    ).toHaveLength(0);
    expect(html.replaceAll(/xmlns(:\w+)?="[^"]*"/g, '')).not.toMatch(
      /https?:|url\((?!#)|@import|@font-face/,
    );
    expect(html).not.toMatch(/NaN|undefined|Infinity/);
  });
});
