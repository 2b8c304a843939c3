import { describe, expect, it } from 'vitest';
import { PolyakError } from '@polyak/core';
import { exitCodeOf, UsageError } from '#exit-codes';
import { run } from '#program';
import { surroundings } from './surroundings.js';

const COMMANDS = [
  'average',
  'merge',
  'soup',
  'inspect',
  'diff',
  'convert',
  'bn-update',
  'state',
  'completion',
];

async function polyak(
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const { context, stdout, stderr } = surroundings();
  const code = await run(args, context);
  return { code, stdout: stdout(), stderr: stderr() };
}

describe('polyak', () => {
  it('lists its commands, examples and exit codes', async () => {
    const { code, stdout } = await polyak('--help');
    expect(code).toBe(0);
    for (const name of [...COMMANDS, 'Examples:', '130  interrupted'])
      expect(stdout).toContain(name);
  });

  it.each(COMMANDS)('has help with examples for %s', async (name) => {
    const { code, stdout } = await polyak(name, '--help');
    expect(code).toBe(0);
    expect(stdout).toMatch(/Examples?:\n {2}.*polyak/u);
  });

  it.each([
    [['nosuch'], "unknown command 'nosuch'"],
    [['average', 'a'], "required option '-o, --output <path>' not specified"],
    [['average', 'a', '-o', 'x', '--decay', 'square'], 'Allowed choices are'],
    [['average', 'a', '-o', 'x', '--decay', 'linear', '--ema', '0.9'], 'cannot be used with'],
    [['average', 'a', '-o', 'x', '--shards', '5 miles'], 'Expected a size'],
    [['inspect', 'a', 'b'], 'too many arguments'],
  ])('answers %j with code 2', async (args, message) => {
    const { code, stdout, stderr } = await polyak(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/^polyak: .*\nSee polyak .*--help\.\n$/u);
  });
});

describe('exitCodeOf', () => {
  const { signal } = new AbortController();

  it.each([
    [new Error('disk'), 1],
    [Object.assign(new Error('no such file'), { code: 'ENOENT' }), 3],
    [new UsageError('weights'), 2],
    [new PolyakError('ERR_MISMATCH', ''), 3],
    [new PolyakError('ERR_CHECKPOINT', ''), 3],
    [new PolyakError('ERR_SAFETENSORS', ''), 3],
    [new PolyakError('ERR_NON_FINITE', ''), 4],
    [new PolyakError('ERR_EXISTS', ''), 5],
    [new PolyakError('ERR_UNSUPPORTED', ''), 1],
  ])('gives %o the code %d', (error, code) => {
    expect(exitCodeOf(error, signal)).toBe(code);
    expect(exitCodeOf(error, AbortSignal.abort())).toBe(130);
  });
});
