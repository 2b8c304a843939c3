import { execFileSync, spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { run } from '#program';
import { surroundings } from '../surroundings.js';

async function scriptFor(shell: string): Promise<string> {
  const { context, stdout } = surroundings();
  expect(await run(['completion', shell], context)).toBe(0);
  return stdout();
}

const has = (shell: string): boolean => spawnSync(shell, ['-c', '']).status === 0;

/** What bash offers after these words. */
async function offered(...words: readonly string[]): Promise<readonly string[]> {
  const line = `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')})
    COMP_CWORD=${words.length - 1}; _polyak; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const script = `${await scriptFor('bash')}\n${line}`;
  return execFileSync('bash', ['-c', script], { encoding: 'utf8' }).split('\n').filter(Boolean);
}

describe('polyak completion', () => {
  it.runIf(has('bash'))('completes commands, options and their values in bash', async () => {
    expect(await offered('polyak', 'av')).toEqual(['average']);
    expect(await offered('polyak', 'average', '--dec')).toEqual(['--decay']);
    expect(await offered('polyak', 'average', '--decay', 'm')).toEqual(['minus-sqrt']);
    expect(await offered('polyak', 'completion', 'f')).toEqual(['fish']);
    // Nothing, so that bash completes file names.
    expect(await offered('polyak', 'average', 'run/')).toEqual([]);
  });

  it.each(['zsh', 'fish'])('names every command for %s', async (shell) => {
    const script = await scriptFor(shell);
    for (const name of ['average', 'merge', 'bn-update', 'minus-sqrt']) {
      expect(script).toContain(name);
    }
  });

  it.each(['bash', 'zsh', 'fish'].filter(has))('is well-formed in %s', async (shell) => {
    const input = await scriptFor(shell);
    const { stderr, status } = spawnSync(shell, ['-n'], { input, encoding: 'utf8' });
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  });
});
