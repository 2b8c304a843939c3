import { afterEach, describe, expect, it, vi } from 'vitest';

import { parseOptions } from '../src/options.js';

afterEach(() => {
  vi.restoreAllMocks();
});

describe('parseOptions', () => {
  it('takes lists and numbers', () => {
    const args =
      '--seeds 1,2,3 --epochs 60 --swa-rates 0.1,0.05 --average-from 0.5,0.75 --validate 2000 ' +
      '--output /tmp/x';
    expect(parseOptions(args.split(' '))).toMatchObject({
      seeds: [1, 2, 3],
      epochs: 60,
      swaRates: [0.1, 0.05],
      averageFrom: [0.5, 0.75],
      validate: 2000,
      output: '/tmp/x',
    });
  });

  it.each([
    [
      ['--epochs', '3'],
      "option '--epochs <n>' argument '3' is invalid. Expected a whole number from 2 to 1000, " +
        'even.',
    ],
    [['--depth', '10'], 'Expected 8, 14, 20 and so on.'],
    [['--seeds', '1,'], 'Expected a whole number from 0 to 2097151.'],
    [['--swa-rates', '0'], 'Expected a number above 0, at most 10.'],
    [['--average-from', '0.4'], 'Expected a number from 0.5 to below 1.'],
    [['--backend', 'gpu'], 'Allowed choices are auto, tfjs-node-gpu, tfjs-node, wasm, cpu.'],
    [['--sede', '1'], "unknown option '--sede'"],
  ])('refuses %j with one line and code 2', (args, message) => {
    let error = '';
    vi.spyOn(process.stderr, 'write').mockImplementation((text) =>
      Boolean((error += String(text))),
    );
    const exit = vi.spyOn(process, 'exit').mockImplementation(() => {
      throw new Error('exit');
    });
    expect(() => parseOptions(args)).toThrow('exit');
    expect(exit.mock.calls[0]?.[0]).toBe(2);
    expect(error).toContain(message);
    expect(error.trimEnd().split('\n')).toHaveLength(1);
  });
});
