import { describe, expect, it } from 'vitest';
import { showProgress } from '#progress';
import { surroundings } from './surroundings.js';

/** Shows 4 GB at 0.1 GB/s, in steps of 0.2 GB. */
function show(isTTY: boolean, options = {}): string {
  const { context, stderr } = surroundings(isTTY);
  let time = 0;
  const display = showProgress(context, options, 'average', () => time);
  for (let step = 0; step <= 20; step += 1) {
    time = 2000 * step;
    display.update({ done: 2e8 * step, total: 4e9 });
  }
  display.end('done');
  return stderr();
}

describe('showProgress', () => {
  it('writes plain lines at the start, each tenth and the end', () => {
    const lines = show(false).trim().split('\n');
    expect(lines).toHaveLength(11);
    expect(lines[0]).toBe('polyak: average 0 %, 0 bytes of 4.0 GB');
    expect(lines[5]).toBe('polyak: average 50 %, 2.0 GB of 4.0 GB, 100 MB/s, 20 s left');
    expect(lines[10]).toBe('polyak: average 100 %, 4.0 GB of 4.0 GB, 100 MB/s');
  });

  it('shows a bar on a terminal', () => {
    const text = show(true);
    expect(text).toContain('100 % | 4.0 GB of 4.0 GB, 100 MB/s');
    expect(text.endsWith('\n')).toBe(true);
  });

  it('shows nothing where the command is to be quiet', () => {
    expect(show(false, { quiet: true })).toBe('');
    expect(show(true, { quiet: true })).toBe('');
  });

  it('is done at once where there are no bytes', () => {
    const { context, stderr } = surroundings();
    const display = showProgress(context, {}, 'average');
    display.update({ done: 0, total: 0 });
    expect(stderr()).toBe('polyak: average 100 %, 0 bytes of 0 bytes\n');
  });
});
