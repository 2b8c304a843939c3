import { afterEach, describe, expect, it, vi } from 'vitest';

import { parseOptions } from '../src/options.js';

afterEach(() => {
  vi.restoreAllMocks();
});

describe('parseOptions', () => {
  it('takes lists and numbers', () => {
    const args = '--seeds 1,2,3 --epochs 60 --legs sgd-60,trunk --validate 2000 --output /tmp/x';
    expect(parseOptions('train', args.split(' '))).toMatchObject({
      seeds: [1, 2, 3],
      epochs: 60,
      legs: ['sgd-60', 'trunk'],
      validate: 2000,
      output: '/tmp/x',
    });
  });

  it.each([
    [
      ['--epochs', '30'],
      "option '--epochs <n>' argument '30' is invalid. Expected a whole number from 20 to 1000, " +
        'a multiple of 20.',
    ],
    [['--depth', '10'], 'Expected 8, 14, 20 and so on.'],
    [['--seeds', '1,'], 'Expected a whole number from 0 to 2097151.'],
    [['--rate', '0'], 'Expected a number above 0, at most 10.'],
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
    expect(() => parseOptions('train', args)).toThrow('exit');
    expect(exit.mock.calls[0]?.[0]).toBe(2);
    expect(error).toContain(message);
    expect(error.trimEnd().split('\n')).toHaveLength(1);
  });
});
