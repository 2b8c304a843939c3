import { afterEach, describe, expect, it, vi } from 'vitest';
import { parseOptions } from '../src/options.js';

afterEach(() => {
  vi.restoreAllMocks();
});

describe('parseOptions', () => {
  it('takes lists and numbers', () => {
    const args = '--seeds 1,2 --cycles 8 --members 3 --max-lr 0.3 --validate --output /tmp/x';
    expect(parseOptions(args.split(' '))).toMatchObject({
      seeds: [1, 2],
      cycles: 8,
      members: 3,
      maxLr: 0.3,
      validate: true,
      output: '/tmp/x',
    });
  });

  it.each([
    [['--seeds', '1,'], 'Expected a whole number from 0 to 1048576.'],
    [['--max-lr', '0'], 'Expected a number above 0, at most 10.'],
    [['--members', '9', '--cycles', '8'], '--members 9 is above --cycles 8.'],
    [['--backend', 'gpu'], 'Allowed choices are auto, tfjs-node-gpu, tfjs-node, wasm, cpu.'],
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
