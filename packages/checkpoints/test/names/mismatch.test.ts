import { MismatchError } from '@polyak/checkpoints';
import { applyNames, differences, requireFit } from '@polyak/checkpoints/names';
import type { TensorPlace } from '@polyak/checkpoints';
import type { NamedTensors } from '@polyak/checkpoints/names';
import { PolyakError } from '@polyak/core';
import { describe, expect, it } from 'vitest';

type Specs = Readonly<Record<string, readonly [TensorPlace['dtype'], ...(readonly number[])]>>;

function checkpoint(name: string, specs: Specs): NamedTensors {
  const places = Object.entries(specs).map(([tensor, [dtype, ...shape]]) => {
    const place: TensorPlace = { dtype, shape, file: 0, begin: 0, byteLength: 0 };
    return [tensor, place] as const;
  });
  return { name, tensors: new Map(places), original: (tensor) => tensor };
}

function many(name: string, count: number, prefix = ''): NamedTensors {
  const entries = Array.from({ length: count }, (_, index) => [`${prefix}${index}`, ['float32']]);
  return checkpoint(name, Object.fromEntries(entries) as Specs);
}

function failure(checkpoints: readonly NamedTensors[], rows: readonly string[] = []): PolyakError {
  try {
    requireFit('merge', checkpoints, { rows });
  } catch (error) {
    if (PolyakError.is(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

function mismatch(...checkpoints: readonly NamedTensors[]): MismatchError {
  const error = failure(checkpoints);
  if (error instanceof MismatchError) return error;
  throw error;
}

describe('requireFit', () => {
  const first = checkpoint('a.safetensors', {
    kernel: ['float32', 3, 3],
    bias: ['float16', 3],
    scale: ['float32'],
  });

  it('passes checkpoints with the same tensors in another order', () => {
    const other = checkpoint('b', {
      bias: ['float16', 3],
      scale: ['float32'],
      kernel: ['float32', 3, 3],
    });
    expect(differences('merge', [first, other])).toEqual([]);
    expect(() => requireFit('merge', [first, other])).not.toThrow();
  });

  it('lists every difference of every checkpoint, a line each', () => {
    const error = mismatch(
      first,
      checkpoint('b', { kernel: ['bfloat16', 5, 5], bias: ['float16', 3], more: ['int32'] }),
      checkpoint('c', { kernel: ['float32', 3, 3], scale: ['float32'] }),
    );
    expect(error.code).toBe('ERR_MISMATCH');
    expect(error.message.split('\n')).toEqual([
      'merge: the checkpoints do not fit a.safetensors:',
      '  b: "scale" is missing',
      '  c: "bias" is missing',
      '  b: "more" is not in the first checkpoint',
      '  b: "kernel" has shape [5,5], expected [3,3]',
      '  b: "kernel" is bfloat16, expected float32',
      'Rename, include or exclude tensors by pattern, or leave a checkpoint out.',
    ]);
    expect(error.differences).toEqual([
      { kind: 'shape', tensor: 'kernel', checkpoint: 'b', found: '[5,5]', expected: '[3,3]' },
      { kind: 'dtype', tensor: 'kernel', checkpoint: 'b', found: 'bfloat16', expected: 'float32' },
      { kind: 'missing', tensor: 'scale', checkpoint: 'b' },
      { kind: 'extra', tensor: 'more', checkpoint: 'b' },
      { kind: 'missing', tensor: 'bias', checkpoint: 'c' },
    ]);
  });

  it('lists the first of many, and has all', () => {
    const { message, differences: all } = mismatch(many('a', 10_000), checkpoint('b', {}));
    expect(message.split('\n')).toHaveLength(23);
    expect(message).toContain('\n  and 9980 more: missing\n');
    expect(all).toHaveLength(10_000);
  });

  it('compares 100,000 tensors in linear time', () => {
    const [small, large] = [10_000, 100_000].map((count) => {
      const pair = [many('a', count, 'module.'), many('b', count, 'x.')];
      const start = performance.now();
      failure(pair);
      return performance.now() - start;
    });
    // Quadratic time would be 100 times longer.
    expect(large).toBeLessThan(40 * (small ?? 0) + 500);
  });

  it('keeps names from controlling a terminal', () => {
    const { message } = mismatch(first, { ...many('b', 1, '\u001B[2J'), name: 'b' });
    expect(message).toContain('"\\u001b[2J0"');
  });
});

describe('prefixes that wrappers leave', () => {
  const plain = { 'a.weight': ['float32', 2], 'a.bias': ['float32'], 'b.c': ['float32'] } as const;
  const wrapped = (name: string, ...prefixes: readonly string[]): NamedTensors =>
    checkpoint(
      name,
      Object.fromEntries(
        prefixes.flatMap((prefix) =>
          Object.entries(plain).map(([tensor, spec]) => [prefix + tensor, spec]),
        ),
      ),
    );

  it.each([
    ['', 'module.', 'module.*=*'],
    ['module.', '', 'module.*=*'],
    ['', '_orig_mod.module.', '_orig_mod.module.*=*'],
    ['model.', 'module.model.', 'module.*=*'],
    ['model.', 'model.model.', 'model.model.*=model.*'],
    ['ema_model.', 'module.', 'ema_model.*=module.*'],
  ])('between "%s" and "%s" offer %s', (one, other, text) => {
    const checkpoints = [wrapped('x', one), wrapped('y', other)];
    const { message, renames } = mismatch(...checkpoints);
    expect(message).toContain(`--rename '${text}'`);
    requireFit('merge', applyNames('merge', checkpoints, { rename: renames }));
  });

  it('are recognised beside names without them', () => {
    const { tensors, ...rest } = wrapped('ema', 'ema_model.', 'online_model.');
    const ema = { ...rest, tensors: new Map([...tensors, ...many('', 2).tensors]) };
    expect(mismatch(wrapped('plain', ''), ema).message).toContain("--rename 'ema_model.*=*'");
  });

  it('are offered once, and for each checkpoint', () => {
    const { renames } = mismatch(
      wrapped('a', ''),
      wrapped('b', 'module.'),
      wrapped('c', 'module.'),
      wrapped('d', '_orig_mod.'),
    );
    expect(renames.map(({ from }) => from)).toEqual(['module.*', '_orig_mod.*']);
  });

  it('are not offered where names differ otherwise', () => {
    expect(mismatch(wrapped('a', ''), wrapped('b', 'other.')).renames).toEqual([]);
    expect(mismatch(wrapped('a', ''), many('b', 3, 'module.')).renames).toEqual([]);
    expect(mismatch(wrapped('a', ''), wrapped('b', '', 'module.')).renames).toEqual([]);
  });
});

describe('rows', () => {
  const model = (name: string, rows: number, width: number): NamedTensors =>
    checkpoint(name, { 'embed.weight': ['float32', rows, width], head: ['float32', rows] });

  it('may differ in tensors that are named', () => {
    const models = [model('a', 10, 4), model('b', 12, 4)];
    expect(() => requireFit('merge', models, { rows: ['embed*', 'head'] })).not.toThrow();
  });

  it('may not differ in others, and other extents may not', () => {
    const other = failure([model('a', 10, 4), model('b', 12, 4)], ['embed*']);
    expect(other.message).toContain('"head" has shape [12], expected [10]');
    const wider = failure([model('a', 10, 4), model('b', 10, 5)], ['*']);
    expect(wider.message).toContain('[10,5], expected [10,4]');
  });

  it('may not differ in tensors that are not summed', () => {
    const ids = (name: string, rows: number): NamedTensors =>
      checkpoint(name, { ids: ['int64', rows] });
    expect(failure([ids('a', 10), ids('b', 12)], ['ids']).message).toContain('has shape [12]');
  });

  it('are refused where the pattern matches nothing', () => {
    const error = failure([model('a', 10, 4), model('b', 10, 4)], ['embedding.*']);
    expect(error.message).toContain('"embedding.*"');
  });
});
