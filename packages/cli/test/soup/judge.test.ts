import process from 'node:process';
import { describe, expect, it } from 'vitest';
import { judge, scoreOf } from '#soup/judge';

const { signal } = new AbortController();
const node = (code: string): string => `"${process.execPath}" -e "${code}"`;

describe('scoreOf', () => {
  it.each([
    ['epoch 3\naccuracy: 0.93\n', 0.93],
    ['loss -1.5e-3', -0.0015],
    ['.5', 0.5],
    ['1 of 3: nan', NaN],
    ['-inf', -Infinity],
  ])('takes the last number of %j', (text, score) => {
    expect(scoreOf(text)).toBe(score);
  });

  it('finds none in words', () => {
    expect(scoreOf('finite banana')).toBeUndefined();
  });
});

describe('judge', () => {
  it('appends the path, quoted for the shell', async () => {
    const command = node('console.log(process.argv[1].length)');
    expect(await judge(command, `it's $HOME.bin`, signal)).toBe(14);
  });

  it('puts the path in the place of {}', async () => {
    const command = `${node('console.log(process.argv[1] + process.argv[2])')} {} .5`;
    expect(await judge(command, '$1', signal)).toBe(1.5);
  });

  it('refuses a command that fails, prints no number or none that is finite', async () => {
    const run = (code: string): Promise<number> => judge(node(code), 'x', signal);
    await expect(run('process.exit(3)')).rejects.toThrow('ended with exit code 3');
    await expect(run('console.log(String())')).rejects.toThrow('printed no number');
    await expect(run('console.log(0/0)')).rejects.toThrow('gave the score NaN');
  });

  it('ends the command where it is interrupted', async () => {
    const interruption = new AbortController();
    const running = judge(node('setTimeout(() => 0, 60000)'), 'x', interruption.signal);
    interruption.abort();
    await expect(running).rejects.toThrow('abort');
  });
});
