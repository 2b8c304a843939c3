// Saving over what is there: modes, links, and the data of split models.
import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OnnxModel } from '@polyak/backend-onnx';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { model, modelBytes, node, tensor, value } from '../model-builder.js';
import { f32, numbers, withModel } from '../small-model.js';

const folders: string[] = [];
let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'polyak-onnx-replace-'));
  folders.push(folder);
});
afterAll(async () => {
  for (const made of folders) await rm(made, { recursive: true });
});

const SIZE = 512;
/** y = x + w, with w large enough to be split off. */
const bytesOf = (first: number): Uint8Array =>
  modelBytes(
    model({
      nodes: [node('Add', ['x', 'w'], ['y'])],
      initializers: [
        tensor(
          'w',
          [SIZE],
          Array.from({ length: SIZE }, (_, n) => first + n),
        ),
      ],
      inputs: [value('x', [1])],
      outputs: [value('y', [SIZE])],
    }),
  );
async function save(
  path: string,
  first: number,
  externalData: boolean,
  use: (loaded: OnnxModel) => void = () => undefined,
): Promise<void> {
  await withModel(bytesOf(first), async (loaded) => {
    use(loaded);
    await loaded.save(path, { externalData });
  });
}
/** The first weight of a file. */
async function firstOf(path: string): Promise<number | undefined> {
  return withModel(
    path,
    async (loaded) => numbers((await loaded.run({ x: f32([0], [1]) }))['y'])[0],
  );
}

describe.each([false, true])('save with externalData %s', (externalData) => {
  it.each([0o600, 0o444, 0o664, 0o755])('keeps the mode %o of the files', async (mode) => {
    const path = join(folder, 'model.onnx');
    await save(path, 1, externalData);
    const files = (await readdir(folder)).map((name) => join(folder, name));
    for (const file of files) await chmod(file, mode);
    await save(path, 2, externalData);
    const modes = await Promise.all(files.map(async (file) => (await stat(file)).mode & 0o7777));
    expect(modes).toEqual(files.map(() => mode));
    expect(await firstOf(path)).toBe(2);
  });

  it.runIf(process.getuid?.() === 0)('keeps the owner, where it may', async () => {
    const path = join(folder, 'model.onnx');
    await save(path, 1, externalData);
    await chown(path, 1234, 2345);
    await save(path, 2, externalData);
    expect(await stat(path)).toMatchObject({ uid: 1234, gid: 2345 });
  });

  it.each([
    ['relative', 'real/model.onnx'],
    ['to another name', 'real/other.onnx'],
    ['to a missing file', 'real/new.onnx'],
  ])('follows a link, %s', async (_, target) => {
    await mkdir(join(folder, 'real'));
    if (!target.includes('new')) await save(join(folder, target), 1, externalData);
    const path = join(folder, 'model.onnx');
    await symlink(target, path);
    await save(path, 2, externalData);
    expect((await lstat(path)).isSymbolicLink()).toBe(true);
    expect(await firstOf(path)).toBe(2);
    expect(await firstOf(join(folder, target))).toBe(2);
    expect(await readdir(folder)).toEqual(['model.onnx', 'real']);
  });

  it('follows a chain of links', async () => {
    await save(join(folder, 'real.onnx'), 1, externalData);
    await symlink('real.onnx', join(folder, 'a.onnx'));
    await symlink(join(folder, 'a.onnx'), join(folder, 'b.onnx'));
    await save(join(folder, 'b.onnx'), 2, externalData);
    expect(await firstOf(join(folder, 'real.onnx'))).toBe(2);
    expect((await lstat(join(folder, 'a.onnx'))).isSymbolicLink()).toBe(true);
  });

  it('refuses a link to itself', async () => {
    const path = join(folder, 'loop.onnx');
    await symlink('loop.onnx', path);
    await expect(save(path, 1, externalData)).rejects.toMatchObject({ code: 'ERR_MODEL' });
  });
});

describe('the data file of a split model', () => {
  const data = async (): Promise<string[]> =>
    (await readdir(folder)).filter((name) => !name.endsWith('.onnx'));

  it('is removed where one file replaces the model', async () => {
    const path = join(folder, 'model.onnx');
    await save(path, 1, true);
    expect(await data()).toEqual(['model.onnx.data']);
    await save(path, 2, false);
    expect(await data()).toEqual([]);
    expect(await firstOf(path)).toBe(2);
  });

  it('is removed where the new model has nothing large', async () => {
    const path = join(folder, 'model.onnx');
    await save(path, 1, true);
    const small = modelBytes(
      model({
        nodes: [node('Add', ['x', 'w'], ['y'])],
        initializers: [tensor('w', [1], [3])],
        inputs: [value('x', [1])],
        outputs: [value('y', [1])],
      }),
    );
    await withModel(small, async (loaded) => loaded.save(path, { externalData: true }));
    expect(await data()).toEqual([]);
  });

  it('is removed beside the file that a link leads to', async () => {
    await mkdir(join(folder, 'real'));
    const path = join(folder, 'model.onnx');
    await symlink(join('real', 'model.onnx'), path);
    await save(path, 1, true);
    await save(path, 2, false);
    expect(await readdir(join(folder, 'real'))).toEqual(['model.onnx']);
  });

  it('stays where another model refers to it', async () => {
    const path = join(folder, 'model.onnx');
    await save(path, 1, true);
    await writeFile(join(folder, 'twin.onnx'), await readFile(path));
    await save(path, 2, false);
    expect(await data()).toEqual(['model.onnx.data']);
    expect(await firstOf(join(folder, 'twin.onnx'))).toBe(1);
  });

  it('is not replaced where another model refers to it', async () => {
    const path = join(folder, 'model.onnx');
    await save(path, 1, true);
    await symlink('loop.onnx', join(folder, 'loop.onnx'));
    await save(path, 2, true);
    expect(await firstOf(path)).toBe(2);
    const twin = join(folder, 'twin.onnx');
    await writeFile(twin, await readFile(path));
    await expect(save(path, 3, true)).rejects.toMatchObject({
      code: 'ERR_MODEL',
      message: expect.stringMatching(/"twin.onnx" refers to .*"model.onnx.data"/) as string,
    });
    expect([await firstOf(path), await firstOf(twin)]).toEqual([2, 2]);
  });

  it('stays where the replaced model never had it, or has it under another name', async () => {
    const path = join(folder, 'model.onnx');
    await save(path, 1, false);
    await writeFile(join(folder, 'model.onnx.data'), 'of something else');
    await writeFile(join(folder, 'notes.data'), 'model.onnx.data');
    await save(path, 2, false);
    expect(await data()).toEqual(['model.onnx.data', 'notes.data']);
  });

  it('stays where there was no model', async () => {
    const path = join(folder, 'model.onnx');
    await writeFile(join(folder, 'model.onnx.data'), 'of something else');
    await save(path, 2, false);
    expect(await data()).toEqual(['model.onnx.data']);
  });

  it('stays where the model cannot be written', async () => {
    const path = join(folder, 'model.onnx');
    await save(path, 1, true);
    const failing = save(path, 2, false, (loaded) => {
      loaded.initializers.get('w')?.set(f32([1], [1]));
    });
    await expect(failing).rejects.toMatchObject({ code: 'ERR_PARAMETERS' });
    expect(await firstOf(path)).toBe(1);
  });
});
