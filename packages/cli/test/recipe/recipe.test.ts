import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { UsageError } from '#exit-codes';
import { readRecipe, recipeOf } from '#recipe/recipe';
import { describe, expect, it } from 'vitest';

const FOLDER = resolve('recipes');
const FILE = join('recipes', 'merge.yaml');

function messageOf(text: string): string {
  try {
    recipeOf(text, FILE);
  } catch (error) {
    if (error instanceof UsageError) return error.message.replace(`${FILE}:`, '');
    throw error;
  }
  return 'no error';
}

describe('a recipe', () => {
  it('says what the command line would', () => {
    const { method, ...options } = recipeOf(
      `
inputs: # in order
  - path: run/a.safetensors
    weight: 2
  - ${join(FOLDER, '..', 'b.safetensors')}
base: ../base.safetensors
method: ties
options: { density: 0.2, elect: count }
names:
  rename: ['module.*=*']
  include: ['*.weight']
  exclude: ['*.rotary*']
rows: [embed.*]
dtype: bfloat16
nonfinite: refuse
shards: 5GB
output: merged/model.safetensors
`,
      FILE,
    ).options;
    expect(options).toEqual({
      base: resolve('base.safetensors'),
      names: {
        rename: [{ from: 'module.*', to: '*' }],
        include: ['*.weight'],
        exclude: ['*.rotary*'],
      },
      rows: ['embed.*'],
      dtype: 'bfloat16',
      nonFinite: 'refuse',
      shardBytes: 5e9,
    });
    expect(method).toMatchObject({
      name: 'ties',
      options: { density: 0.2, elect: 'count', weights: [2, 1] },
    });
  });

  it('has paths relative to its folder', () => {
    const { inputs, output } = recipeOf('{inputs: [a, ../b], output: c/d}', FILE);
    expect(inputs).toEqual([join(FOLDER, 'a'), resolve('b')]);
    expect(output).toBe(join(FOLDER, 'c', 'd'));
  });

  it.each<[string, readonly number[]]>([
    ['inputs: [a, b]', [0.5, 0.5]],
    ['inputs: [{path: a, weight: 3}, b]', [0.75, 0.25]],
    ['{inputs: [{path: a, weight: 3}, b], options: {normalize: false}}', [3, 1]],
    ['{inputs: [a, b], options: {ema: 0.75}}', [0.75, 0.25]],
    ['{inputs: [a, b, c, d], options: {decay: linear}}', [0.25, 0.25, 0.25, 0.25]],
  ])('weighs the checkpoints: %s', (text, weights) => {
    expect(recipeOf(text, FILE).options.method).toMatchObject({ kind: 'linear', weights });
  });

  it.each([
    ['inputs: [a]\nmetod: ties', '2: metod: there is no such key. Expected inputs, base, method, '],
    [
      'inputs: [a]\nnames:\n  incude: []',
      '3: names.incude: there is no such key. Expected rename, ',
    ],
    ['method: ties', '1: inputs: it is missing'],
    ['inputs: []', '1: inputs: expected one checkpoint at least'],
    ['', '1: found null, expected Object'],
    ['inputs:\n  - a\n  - 3', '3: inputs[1]: found 3, expected Object'],
    [
      'inputs:\n  - a\n  - path: b\n    wait: 3',
      '4: inputs[1].wait: there is no such key. Expected path, ',
    ],
    ['inputs:\n  - path: b\n    weight: .inf', '3: inputs[0].weight: expected a finite number'],
    ['inputs:\n- https://host/a', '2: inputs[0]: expected a path, and no URL'],
    ['inputs: [a]\nbase: file:///a', '2: base: expected a path, and no URL'],
    ['inputs: [a]\nbase: "a\\0b"', '2: base: expected a path without NUL'],
    ['inputs: [a]\nbase: ""', '2: base: expected a path'],
    ['inputs: [a]\ndtype: int8', '2: dtype: found "int8", expected ("float64" | '],
    ['inputs: [a]\nshards: 5 apples', '2: shards: Expected a size'],
    ['inputs: [a]\nmethod: tie', '2: method: found "tie", expected ("linear" | "slerp" | '],
    ['inputs: [a, b]\nmethod: slerp\noptions: {q: 1}', '3: options: slerp: there is no option "q"'],
    ['inputs: [a, b]\n\noptions: {t: 1}', '3: options: linear: there is no option "t"'],
    [
      'inputs: [a]\noptions: {weigths: [1]}',
      'linear: there is no option "weigths". Expected { norm',
    ],
    ['inputs: [a]\nmethod: ties\noptions: {weigths: [1]}', 'ties: there is no option "weigths"'],
    ['inputs: [a]\nmethod: ties\noptions: {density: [1]}', 'ties: density is a value of type obj'],
    [
      'inputs: [a]\nmethod: ties\noptions: {weights: [1]}',
      '3: options: weights stand with the inp',
    ],
    ['inputs: [a]\noptions: {ema: [1]}', '2: options: linear: "ema" is Array. Expected normalize'],
    ['inputs: [n-10, n-2]\noptions: {ema: 0.5}', '2: options: ema takes checkpoints oldest first'],
    ['inputs: [n-10, n-2]\noptions: {decay: linear}', 'oldest first, but n-10 stands before n-2'],
    ['inputs: [{path: a, weight: 1}]\noptions: {ema: 0.5}', '2: options: there are several of'],
    ['inputs: [a]\nnames:\n  rename:\n  - a=b\n  - c', '5: names.rename[1]: rename: "c" is no'],
    ['inputs: [a]\noutput: /tmp/b', '2: output: expected a path in the folder'],
    ['inputs: [a]\noutput: ../b', '2: output: expected a path in the folder'],
    ['inputs: [a]\noutput: "-"', '2: output: expected a path: the output cannot go to standard'],
    ['inputs: [a]\noutput: .', '2: output: expected a path in the folder'],
    ['inputs: [a]\ninputs: [b]', '2: Map keys must be unique'],
    ['inputs: [a\n', '2: '],
    ['inputs: [!!js/function a]', '1: Unresolved tag'],
    ['inputs: [&a b, *a]', '1: *a is an alias. Write out what it stands for.'],
  ])('is refused with the line and the key: %j', (text, message) => {
    expect(messageOf(text)).toContain(message);
  });

  it('cannot stand for more than it is', () => {
    const bomb = ['l0: &l0 [x, x, x, x, x, x, x, x, x]'];
    for (let level = 1; level < 10; level += 1) {
      bomb.push(`l${level}: &l${level} [${`*l${level - 1}, `.repeat(9)}]`);
    }
    expect(messageOf(bomb.join('\n'))).toContain('is an alias');
    expect(messageOf(`inputs: ${'['.repeat(100_000)}`)).not.toBe('no error');
  });

  it('has no key that changes objects', () => {
    expect(messageOf('inputs: [a]\n__proto__: {dtype: float32}')).toContain('no such key');
    const { options } = recipeOf('inputs: [a]\nmethod: linear\noptions: {}', FILE);
    expect(Object.keys(options)).toEqual(['method', 'names']);
    expect(({} as { dtype?: string }).dtype).toBeUndefined();
  });
});

describe('the file of a recipe', () => {
  it('is read up to a length that no recipe has', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'polyak-recipe-'));
    const [small, large] = ['small.yaml', 'large.yaml'].map((name) => join(folder, name)) as [
      string,
      string,
    ];
    try {
      await writeFile(small, 'inputs: [a]');
      await writeFile(large, `inputs: [a] #${' '.repeat(2 ** 20)}`);
      expect((await readRecipe(small)).inputs).toEqual([join(folder, 'a')]);
      await expect(readRecipe(large)).rejects.toThrow('at most 1048576 bytes');
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
