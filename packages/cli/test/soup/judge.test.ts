import process from 'node:process';
import { describe, expect, it } from 'vitest';
import { judge, lastLineOf, scoreOf } from '#soup/judge';

const { signal } = new AbortController();
const node = (code: string): string => `"${process.execPath}" -e "${code}"`;

describe('lastLineOf', () => {
  it.each([
    ['epoch 3\n0.93\n\n', '0.93'],
    ['0.93', '0.93'],
    ['  -1.5e-3 \r\n', '-1.5e-3'],
    ['\u001b[1m0.91\u001b[0m\n\u001b[0m\n', '0.91'],
    ['50 %\r100 %\r0.93\r', '0.93'],
    ['\ufeff7\n', '7'],
    ['\n \n', ''],
    ['', ''],
  ])('of %j is %j', (text, line) => {
    expect(lastLineOf(text)).toBe(line);
  });
});

describe('scoreOf', () => {
  it.each([
    ['0.93', 0.93],
    ['-1.5e-3', -0.0015],
    ['+12', 12],
    ['.5', 0.5],
    ['5.', 5],
    ['1E2', 100],
  ])('reads %j', (line, score) => {
    expect(scoreOf(line)).toBe(score);
  });

  it.each([
    '0.93 (top-1)',
    '0,93',
    '1,234.5',
    '1_000',
    '{"acc":0.9,"epoch":12}',
    'soup-7.safetensors',
    'epoch: 12',
    'accuracy 0.93',
    '0.9 0.8',
    '93%',
    '1.2.3',
    '2026-11-28',
    '0x10',
    '\u0663',
    '1e999',
    'nan',
    'infinity',
    '',
  ])('takes nothing from %j', (line) => {
    expect(scoreOf(line)).toBeUndefined();
  });
});

describe('judge', () => {
  it('appends the path, quoted for the shell', async () => {
    const command = node('console.log(process.argv[1].length)');
    expect(await judge(command, `it's $HOME.bin`, signal)).toBe(14);
  });

  it('puts the path in the place of {}', async () => {
    const command = `${node('console.log(process.argv[1].length + process.argv[2])')} {} .5`;
    expect(await judge(command, '$1', signal)).toBe(2.5);
  });

  it('refuses a command that fails, or whose last line is not one finite number', async () => {
    const run = (code: string): Promise<number> => judge(node(code), 'x', signal);
    await expect(run('process.exit(3)')).rejects.toThrow('ended with exit code 3');
    await expect(run('console.log(String())')).rejects.toThrow(
      'printed nothing. The last line of its standard output must be the score',
    );
    await expect(run('console.log(0/0)')).rejects.toThrow('gave the score NaN, expected a finite');
    await expect(run('console.log(-1/0)')).rejects.toThrow('gave the score -Infinity, expected');
    await expect(run('console.log(0.93, String.fromCharCode(37))')).rejects.toThrow(
      /printed "0\.93 %" last\. The last line .* one number and nothing else, such as 0\.93\.$/u,
    );
    const long = run('console.log(String(7).repeat(1000))');
    await expect(long).rejects.toThrow(new RegExp(`printed "7{80}…" last`, 'u'));
  });

  it('ends the command where it is interrupted', async () => {
    const interruption = new AbortController();
    const running = judge(node('setTimeout(() => 0, 60000)'), 'x', interruption.signal);
    interruption.abort();
    await expect(running).rejects.toThrow('abort');
  });
});
