import { applyNames } from '@polyak/checkpoints/names';
import type { NameRules, TensorPlace } from '@polyak/checkpoints';
import { PolyakError } from '@polyak/core';
import { assert, constantFrom, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';

function mapOf(...names: readonly string[]): ReadonlyMap<string, TensorPlace> {
  const place = (begin: number): TensorPlace => ({
    dtype: 'float32',
    shape: [1],
    file: 0,
    begin,
    byteLength: 4,
  });
  return new Map(names.map((name, index) => [name, place(4 * index)]));
}

function namesAfter(rules: NameRules, ...names: readonly string[]): readonly string[] {
  const [result] = applyNames('merge', [{ name: 'a', tensors: mapOf(...names) }], rules);
  return [...(result?.tensors.keys() ?? [])];
}

function failure(rules: NameRules, ...names: readonly string[]): PolyakError {
  try {
    namesAfter(rules, ...names);
  } catch (error) {
    if (PolyakError.is(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('applyNames', () => {
  const names = ['decoder.0/kernel', 'decoder.1/bias', 'head.bias', 'head[0]'];

  it.each<[string, NameRules, readonly string[]]>([
    ['a star stands for dots and slashes', { include: ['decoder*'] }, names.slice(0, 2)],
    ['a star stands for nothing too', { include: ['*head.bias*'] }, ['head.bias']],
    ['a question mark is one character', { include: ['decoder.?/*'] }, names.slice(0, 2)],
    ['other characters are themselves', { include: ['head[0]'] }, ['head[0]']],
    ['an expression matches a part', { include: ['/bias|k.r/'] }, names.slice(0, 3)],
    ['what is excluded stays out', { include: ['*d*'], exclude: ['/^h/'] }, names.slice(0, 2)],
  ])('%s', (_, rules, expected) => {
    expect(namesAfter(rules, ...names)).toEqual(expected);
  });

  it.each<[string, NameRules['rename'], readonly string[], readonly string[]]>([
    ['takes a prefix away', [{ from: 'module.*', to: '*' }], ['module.a.b', 'c'], ['a.b', 'c']],
    ['swaps groups', [{ from: '/^(.*)\\.(.*)$/', to: '$2/$1' }], ['a.b', 'c'], ['b/a', 'c']],
    [
      'fills the wildcards in order',
      [{ from: '*.?.*', to: '?-*_*' }],
      ['a.1.b.2.c'],
      ['1-a_b.2.c'],
    ],
    [
      'applies one rule after the other',
      [
        { from: '_orig_mod.*', to: '*' },
        { from: 'module.*', to: 'm/*' },
      ],
      ['_orig_mod.module.a'],
      ['m/a'],
    ],
  ])('renaming %s', (_, rename = [], before, after) => {
    expect(namesAfter({ rename }, ...before)).toEqual(after);
  });

  it('knows the name that a tensor has in its checkpoint', () => {
    const tensors = mapOf('module.a', 'b');
    const [result] = applyNames('merge', [{ name: 'x', tensors }], {
      rename: [{ from: 'module.*', to: '*' }],
    });
    expect([result?.original('a'), result?.original('b')]).toEqual(['module.a', 'b']);
    expect(result?.tensors.get('a')).toBe(tensors.get('module.a'));
  });

  it('matches whole names with wildcards', () => {
    expect(failure({ include: ['head'] }, ...names).message).toContain('"head"');
  });

  it('matches what an expression of lazy groups would', () => {
    const text = string({ unit: constantFrom('a', 'b', '.', '\u{1F600}', '*', '?'), maxLength: 9 });
    assert(
      property(text, text, (pattern, name) => {
        const source = pattern
          .replaceAll('.', '\\.')
          .replaceAll('*', '([^]*?)')
          .replaceAll(/\?(?!\))/g, '([^])');
        const groups = new RegExp(`^${source}$`, 'u').exec(name)?.slice(1).join('');
        // The wildcards of the pattern in their order.
        const rename = [{ from: pattern, to: pattern.replaceAll(/[^*?]/gu, '') }];
        // A second checkpoint with a name that matches: the pattern itself.
        const checkpoints = [name, pattern].map((each) => ({ name: 'x', tensors: mapOf(each) }));
        const [result] = applyNames('merge', checkpoints, { rename });
        expect([...(result?.tensors.keys() ?? [])]).toEqual([groups ?? name]);
      }),
      { seed: 12, numRuns: 2000 },
    );
  });

  it('is not slowed down by names that nearly match', () => {
    const start = performance.now();
    const name = 'a.'.repeat(200_000);
    expect(failure({ include: ['*.*.*.*.*.*.weight'] }, name).code).toBe('ERR_MISMATCH');
    // Backtracking would take years.
    expect(performance.now() - start).toBeLessThan(5000);
  });

  it('selects by the new names', () => {
    const rules = { rename: [{ from: 'module.*', to: '*' }], exclude: ['b*'] };
    expect(namesAfter(rules, 'module.a', 'module.b')).toEqual(['a']);
  });

  it('returns the map of the checkpoint where nothing changes', () => {
    const [one, other] = [mapOf('a', 'b'), mapOf('a', 'b', 'c')];
    const checkpoints = [one, other].map((tensors) => ({ name: 'x', tensors }));
    const [first, second] = applyNames('merge', checkpoints, { exclude: ['c'] });
    expect(first?.tensors).toBe(one);
    expect(second?.tensors).not.toBe(other);
  });

  it('returns one map for checkpoints that share theirs', () => {
    const tensors = mapOf('a', 'b');
    const checkpoints = ['x', 'y'].map((name) => ({ name, tensors }));
    const [first, second] = applyNames('merge', checkpoints, { exclude: ['b'] });
    expect(second?.tensors).toBe(first?.tensors);
    expect([first?.name, second?.name]).toEqual(['x', 'y']);
  });

  it('refuses a pattern that matches nothing, with names to compare it with', () => {
    const { code, message } = failure({ include: ['a'], exclude: ['hed.*'] }, 'a', 'head.b');
    expect(code).toBe('ERR_MISMATCH');
    expect(message).toContain('no tensor matches "hed.*"');
    expect(message).toContain('"head.b"');
  });

  it('takes a pattern that matches in one of the checkpoints', () => {
    const checkpoints = [mapOf('a'), mapOf('module.a')].map((tensors) => ({ name: 'x', tensors }));
    const rules = { rename: [{ from: 'module.*', to: '*' }] };
    const results = applyNames('merge', checkpoints, rules);
    expect(results.map(({ tensors }) => [...tensors.keys()])).toEqual([['a'], ['a']]);
  });

  it('takes patterns of which one matches all that another does', () => {
    expect(namesAfter({ include: ['*', 'a'], exclude: ['b*', 'bc'] }, 'a', 'bc')).toEqual(['a']);
  });

  it('names both tensors that would get one name', () => {
    const { code, message } = failure({ rename: [{ from: 'm.*', to: '*' }] }, 'm.a', 'a');
    expect(code).toBe('ERR_MISMATCH');
    expect(message).toContain('"m.a" and "a" would both be "a"');
  });

  it('refuses rules that leave nothing', () => {
    expect(failure({ exclude: ['*'] }, 'a').code).toBe('ERR_MISMATCH');
  });

  it('refuses malformed patterns and wildcards that stand for nothing', () => {
    expect(() => namesAfter({ include: ['/(/'] }, 'a')).toThrow(RangeError);
    expect(() => namesAfter({ rename: [{ from: 'a.*', to: '*.*' }] }, 'a.b')).toThrow(RangeError);
  });

  it('renames names that are keys of every object', () => {
    expect(namesAfter({ rename: [{ from: 'x.*', to: '*' }] }, 'x.__proto__')).toEqual([
      '__proto__',
    ]);
  });
});
