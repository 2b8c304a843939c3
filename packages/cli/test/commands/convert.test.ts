import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { describe, expect, it } from 'vitest';
import { run } from '#program';
import { Folder, vector } from '../files.js';
import { surroundings } from '../surroundings.js';

const SHARDS = ['o-00001-of-00002.safetensors', 'o-00002-of-00002.safetensors'];
const INDEX = 'o.safetensors.index.json';

async function polyak(...args: readonly string[]): Promise<string> {
  const { context, stdout, stderr } = surroundings();
  const code = await run(args, context);
  expect({ code, stderr: stderr() }).toMatchObject({ code: 0 });
  return stdout();
}

/** A folder with a checkpoint in one file, and the path of that. */
function whole(): { readonly folder: Folder; readonly input: string } {
  const folder = new Folder();
  return { folder, input: folder.write('i.safetensors', { a: vector(1, 2), b: vector(3, 4) }) };
}

describe('polyak convert', () => {
  it('cuts a file into shards, whose index takes the name of the output', async () => {
    for (const output of ['o.safetensors', INDEX, 'o']) {
      const { folder, input } = whole();
      const said = await polyak('convert', input, '--shards', '8', '-o', folder.at(output));
      expect(said).toContain(`${folder.at(INDEX)}: 2 tensors`);
      expect(readdirSync(folder.path).toSorted()).toEqual(['i.safetensors', ...SHARDS, INDEX]);
      expect(folder.read(SHARDS[1] ?? '').tensors['b']?.data).toEqual(Float32Array.of(3, 4));
    }
  });

  it('replaces a file by shards, and shards by a file', async () => {
    const { folder, input } = whole();
    const output = folder.at('o.safetensors');
    await polyak('convert', input, '-o', output);
    await polyak('convert', output, '--shards', '8', '-o', output, '--force');
    expect(readdirSync(folder.path).toSorted()).toEqual(['i.safetensors', ...SHARDS, INDEX]);
    const index = folder.at(INDEX);
    await polyak('convert', index, '--shards', '1GB', '-o', index, '--force');
    expect(readdirSync(folder.path).toSorted()).toEqual(['i.safetensors', 'o.safetensors']);
  });

  it('writes shards where the input has shards', async () => {
    const { folder, input } = whole();
    await polyak('convert', input, '--shards', '8', '-o', folder.at('o.safetensors'));
    const copy = new Folder();
    await polyak('convert', folder.at(INDEX), '-o', copy.at('o.safetensors'));
    expect(readdirSync(copy.path).toSorted()).toEqual([...SHARDS, INDEX]);
  });

  it('refuses numbers that overflow the dtype, and keeps those that are not finite', async () => {
    const folder = new Folder();
    const output = folder.at('o.safetensors');
    const input = folder.write('i.safetensors', { a: vector(1, Infinity), b: vector(2, 65_520) });
    const { context, stderr } = surroundings();
    const args = ['convert', input, '--dtype', 'float16', '-o', output, '--quiet'];
    expect(await run(args, context)).toBe(4);
    expect(stderr()).toContain('"b", element 1, is larger than float16 can hold');
    expect(existsSync(output)).toBe(false);

    await polyak(...args, '--exclude', 'b', '--dtype', 'bfloat16');
    const { tensors } = folder.read('o.safetensors');
    expect([...(tensors['a']?.data ?? [])]).toEqual([0x3f80, 0x7f80]);
  });
});

describe('polyak soup', () => {
  it('judges a soup of sharded checkpoints by its index', async () => {
    const { folder, input } = whole();
    await polyak('convert', input, '--shards', '8', '-o', folder.at('o.safetensors'));
    const exists = `"${process.execPath}" -p "+require('fs').existsSync(process.argv[1])"`;
    const index = folder.at(INDEX);
    const output = join(folder.path, 'soup.safetensors');
    const said = await polyak('soup', '--eval', exists, index, index, '-o', output);
    expect(said).toContain('with the score 1');
    expect(existsSync(`${output}.index.json`)).toBe(true);
  });
});
