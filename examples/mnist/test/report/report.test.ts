import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { parseHTML } from 'linkedom';
import { describe, expect, it } from 'vitest';

import { renderReport, writeReport } from '../../src/report/report.js';
import { verdict } from '../../src/report/verdict.js';
import { finishedRun } from './fixture.js';

describe('renderReport', () => {
  const html = renderReport(finishedRun);
  const { document } = parseHTML(html);

  it('opens with the verdict and the final table', () => {
    expect(document.querySelector('.verdict')?.textContent).toBe(
      verdict(finishedRun.final, 10_000),
    );
    const rows = [...document.querySelectorAll('.final tbody tr')].map((row) =>
      [...row.children].map((cell) => cell.textContent),
    );
    expect(rows).toEqual([
      ['SGD', '95.00 %', '0.1000'],
      ['SWA, old batch-norm statistics', '95.50 %', '0.0900'],
      ['SWA, updated batch-norm statistics', '96.00 %', '0.0800'],
    ]);
    expect(document.querySelectorAll('.final tbody tr:last-child .best')).toHaveLength(2);
  });

  it('needs no other file and no network', () => {
    expect(
      document.querySelectorAll('script, link, img, iframe, object, [src], [href]'),
    ).toHaveLength(0);
    expect(html.replaceAll(/xmlns(:\w+)?="[^"]*"/g, '')).not.toMatch(
      /https?:|url\((?!#)|@import|@font-face/,
    );
  });

  it('has four plots, each with a title, a legend, named axes and a caption', () => {
    const figures = [...document.querySelectorAll('figure')];
    expect(figures.map((figure) => figure.querySelector('h3')?.textContent)).toEqual([
      'Test accuracy',
      'Test loss',
      'Learning rate',
      'Distance between live and averaged weights',
    ]);
    for (const figure of figures) {
      expect(figure.querySelectorAll('.legend li').length).toBeGreaterThan(0);
      expect(figure.querySelector('[aria-label="x-axis label"]')?.textContent).toContain('epoch');
      expect(figure.querySelector('[aria-label="y-axis label"]')?.textContent).toBeTruthy();
      expect(figure.querySelector('figcaption')?.textContent).toBeTruthy();
    }
  });

  it('draws a point for each measurement', () => {
    const titles = [...document.querySelectorAll('figure:nth-child(1) circle title')].map(
      (title) => title.textContent,
    );
    expect(titles).toEqual([
      'plain SGD, epoch 1: 90.00',
      'plain SGD, epoch 2: 95.00',
      'SWA, live weights, epoch 1: 90.00',
      'SWA, live weights, epoch 2: 93.00',
      'SWA, averaged weights, epoch 2: 96.00',
    ]);
    expect(html).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('shows values as text, not as markup', () => {
    expect(html).toContain('tfjs:&lt;wasm&gt;');
  });

  it('can be drawn where nothing was ever averaged', () => {
    const swa = { ...finishedRun.swa, measurements: finishedRun.sgd.measurements };
    expect(renderReport({ ...finishedRun, swa })).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('leaves out of the plots what is not a number, as after a training that diverged', () => {
    const lost = {
      epoch: 2,
      learningRate: 0.1,
      trainLoss: NaN,
      live: { accuracy: 0.1, loss: NaN },
    };
    const sgd = {
      ...finishedRun.sgd,
      measurements: [...finishedRun.sgd.measurements.slice(0, 1), lost],
    };
    expect(renderReport({ ...finishedRun, sgd })).not.toMatch(/NaN|undefined|Infinity/);
  });
});

describe('writeReport', () => {
  it('makes the folders on its way', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'polyak-report-'));
    const path = join(folder, 'a', 'b', 'report.html');
    await writeReport(path, finishedRun);
    expect(await readFile(path, 'utf8')).toContain(verdict(finishedRun.final, 10_000));
    await rm(folder, { recursive: true });
  });
});
