import { afterEach, describe, expect, it, vi } from 'vitest';
import { parseOptions } from '#options';
import { requireTools } from '#requirements';

afterEach(() => {
  vi.restoreAllMocks();
});

describe('parseOptions', () => {
  it('has defaults', () => {
    expect(parseOptions([])).toMatchObject({
      task: 'build',
      source: { device: 'cpu', version: '2.21.0' },
      python: 'python3',
    });
  });

  it('takes each option', () => {
    const args = '--gpu --version 2.20.0 --python /opt/python --project /app'.split(' ');
    expect(parseOptions(args)).toEqual({
      task: 'build',
      project: '/app',
      source: { device: 'gpu', version: '2.20.0' },
      python: '/opt/python',
    });
    expect(parseOptions(['--tensorflow', '/there', '--project', '/app'])).toMatchObject({
      source: { tensorflow: '/there' },
    });
    expect(parseOptions(['check'])).toMatchObject({ task: 'check' });
  });

  it.each([
    [['--gpu', '--cpu'], "option '--gpu' cannot be used with option '--cpu'"],
    [
      ['--tensorflow', '.', '--gpu'],
      "option '--tensorflow <folder>' cannot be used with option '--gpu'",
    ],
    [['--version', 'latest'], 'Expected a version of TensorFlow 2, such as 2.21.0.'],
    [['clean'], 'Expected check, or nothing.'],
    [['--cuda'], "unknown option '--cuda'"],
  ])('refuses %j with one line and code 2', (args, message) => {
    let error = '';
    vi.spyOn(process.stderr, 'write').mockImplementation((text) =>
      Boolean((error += String(text))),
    );
    const exit = vi.spyOn(process, 'exit').mockImplementation(() => {
      throw new Error('exit');
    });
    expect(() => parseOptions(args)).toThrow('exit');
    expect(exit).toHaveBeenCalledWith(2);
    expect(error).toContain(message);
    expect(error.trimEnd().split('\n')).toHaveLength(1);
  });
});

describe('requireTools', () => {
  it('refuses other systems than Linux, and says what to take there', () => {
    expect(() => requireTools({ compiler: 'c++', platform: 'darwin' })).toThrow(
      /can be built on Linux only, found darwin\. .*tfjs-backend-wasm/u,
    );
  });
});
