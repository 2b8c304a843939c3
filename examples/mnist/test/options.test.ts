import { afterEach, describe, expect, it, vi } from 'vitest';

import { parseOptions, parseSeedsOptions } from '../src/options.js';

afterEach(() => {
  vi.restoreAllMocks();
});

describe('parseOptions', () => {
  it('has defaults', () => {
    const { output, ...options } = parseOptions([]);
    expect(options).toEqual({ seed: 1, epochs: 5, trainImages: 6400, backend: 'auto' });
    expect(output).toMatch(/examples\/mnist\/output$/);
  });

  it('takes each option', () => {
    const args = '--seed 0 --epochs 2 --train-images 128 --backend cpu --output /tmp/x'.split(' ');
    expect(parseOptions(args)).toEqual({
      seed: 0,
      epochs: 2,
      trainImages: 128,
      backend: 'cpu',
      output: '/tmp/x',
    });
  });

  it.each([
    [
      ['--seed', '-1'],
      "option '--seed <n>' argument '-1' is invalid. Expected a whole number from 0 to 4294967295.",
    ],
    [['--seed', '4294967296'], 'from 0 to 4294967295'],
    [
      ['--epochs', '0'],
      "option '--epochs <n>' argument '0' is invalid. Expected a whole number from 1 to 1000.",
    ],
    [['--epochs', '1.5'], 'from 1 to 1000'],
    [['--epochs', '1e2'], 'from 1 to 1000'],
    [['--train-images', '127'], 'from 128 to 60000'],
    [['--train-images', 'all'], 'from 128 to 60000'],
    [
      ['--backend', 'gpu'],
      'Allowed choices are auto, tfjs-node-gpu, tfjs-node, wasm, cpu, onnx, gpujs.',
    ],
    [['--output'], "option '--output <folder>' argument missing"],
    [['--sede', '1'], "unknown option '--sede'"],
    [['1'], 'too many arguments'],
  ])('refuses %j with one line and code 2', (args, message) => {
    const { code, error } = run(args);
    expect(code).toBe(2);
    expect(error).toContain(message);
    expect(error.trimEnd().split('\n')).toHaveLength(1);
  });

  it('tells what it can do', () => {
    const { code, output } = run(['--help']);
    expect(code).toBe(0);
    for (const option of [
      '--seed',
      '--epochs',
      '--train-images',
      '--backend',
      '--output',
      '--help',
    ]) {
      expect(output).toContain(option);
    }
  });
});

describe('parseSeedsOptions', () => {
  it('takes the options of the demo but the seed', () => {
    const options = parseSeedsOptions(['--epochs', '3']);
    expect(options).toMatchObject({ epochs: 3, trainImages: 6400, backend: 'auto' });
    expect(options).not.toHaveProperty('seed');
  });
});

class Exit extends Error {}

function run(args: readonly string[]): { code: unknown; output: string; error: string } {
  let [output, error] = ['', ''];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => Boolean((output += String(text))));
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => Boolean((error += String(text))));
  const exit = vi.spyOn(process, 'exit').mockImplementation(() => {
    throw new Exit();
  });
  expect(() => parseOptions(args)).toThrow(Exit);
  return { code: exit.mock.calls[0]?.[0], output, error };
}
