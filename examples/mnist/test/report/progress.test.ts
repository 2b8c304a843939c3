import { Writable } from 'node:stream';

import { describe, expect, it } from 'vitest';

import { showProgress } from '../../src/report/progress.js';
import { finishedRun } from './fixture.js';

function record(isTTY: boolean): { text: () => string; stream: Writable & { isTTY: boolean } } {
  let text = '';
  const stream = new Writable({
    write(chunk, _, done) {
      text += String(chunk);
      done();
    },
  });
  // What cli-progress asks of a terminal.
  const terminal = { isTTY, columns: 120, cursorTo() {}, clearLine() {}, moveCursor() {} };
  return { text: () => text, stream: Object.assign(stream, terminal) };
}

function play(isTTY: boolean): string {
  const { text, stream } = record(isTTY);
  const observer = showProgress(stream);
  observer.note('A note before.');
  observer.startRun({ name: 'SWA', epochs: 2, stepsPerEpoch: 2 });
  [0.9, 0.8, 0.7, 0.6].forEach((loss, index) => {
    observer.step({ step: index + 1, loss, learningRate: 0.1 });
    const measurement = finishedRun.swa.measurements[(index - 1) / 2];
    if (measurement) {
      observer.measure(measurement);
    }
  });
  observer.note('A note within.');
  observer.endRun(finishedRun.swa);
  return text();
}

describe('showProgress', () => {
  it('writes a plain line an epoch where nobody watches', () => {
    expect(play(false).split('\n')).toEqual([
      'A note before.',
      'SWA epoch 1/2: learning rate 0.100, training loss 0.2000, test accuracy 90.00 %',
      'SWA epoch 2/2: learning rate 0.100, training loss 0.2000, test accuracy 93.00 %, averaged ' +
        '96.00 %',
      'A note within.',
      'SWA took 4 s.',
      '',
    ]);
  });

  it('leaves out measurements within an epoch there', () => {
    const { text, stream } = record(false);
    const observer = showProgress(stream);
    observer.startRun({ name: 'SGD', epochs: 1, stepsPerEpoch: 2 });
    observer.measure({
      epoch: 0.5,
      learningRate: 0.1,
      trainLoss: 1,
      live: { accuracy: 0.5, loss: 1 },
    });
    expect(text()).toBe('');
  });

  it('draws a bar in a terminal, and keeps notes for after it', () => {
    const text = play(true);
    expect(text).toMatch(
      /SWA .*epoch 2\/2, step 4\/4 \| loss 0\.600 \| test accuracy 93\.00 %, averaged 96\.00 %/,
    );
    expect(text.indexOf('A note before.')).toBe(0);
    expect(text.indexOf('A note within.')).toBeGreaterThan(text.lastIndexOf('step 4/4'));
  });
});
