import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { showProgress } from '../src/progress.js';
import { finishedRun } from './fixture.js';

function play(isTTY: boolean): string {
  let text = '';
  const stream = new Writable({
    write(chunk, _, done) {
      text += String(chunk);
      done();
    },
  });
  // What cli-progress asks of a terminal.
  const terminal = { isTTY, columns: 160, cursorTo() {}, clearLine() {}, moveCursor() {} };
  const { settings, cycles } = finishedRun(1);
  const progress = showProgress(Object.assign(stream, terminal), settings);
  for (const [index, line] of cycles.slice(0, 2).entries()) {
    progress.onStep(8 * (index + 1) + 1, 0.5);
    progress.onCycle(line);
  }
  progress.end();
  return text;
}

describe('showProgress', () => {
  it('writes a line a cycle where nobody watches', () => {
    expect(play(false).split('\n')).toEqual([
      'seed 1, cycle 1/4: training loss 1.0000, IoU 0.5600',
      'seed 1, cycle 2/4: training loss 0.5000, IoU 0.6100, averaged 0.6600',
      '',
    ]);
  });

  it('shows a bar on a terminal', () => {
    const text = play(true);
    expect(text).toMatch(
      /seed 1 .* cycle 3\/4, step 17\/33 \| loss 0\.500 \| IoU 0\.6100, averaged/,
    );
  });
});
