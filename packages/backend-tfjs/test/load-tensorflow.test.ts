// Which backend is taken, and what is said about those that are not.
import { loadTensorFlow, tfjsBackend } from '@polyak/backend-tfjs';
import type { TensorFlowBackend } from '@polyak/backend-tfjs';
import * as projectTf from '@tensorflow/tfjs';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import util from 'node:util';
import { describe, expect, it, vi } from 'vitest';

function notFound(name: string): Error {
  return Object.assign(new Error(`Cannot find package '${name}' imported from here`), {
    code: 'ERR_MODULE_NOT_FOUND',
  });
}

const NO_ADDON =
  'The Node.js native addon module (tfjs_binding.node) can not be found at path: /somewhere. ' +
  '\nPlease run …';

describe('loadTensorFlow', () => {
  it('takes the fastest backend that works, and says why not the others', async () => {
    const lines: string[] = [];
    const { tf, name, backend, skipped } = await loadTensorFlow({
      onReport: (line) => lines.push(line),
      importModule: async (module) => {
        if (module === '@tensorflow/tfjs-node-gpu') throw new Error(NO_ADDON);
        if (module === '@tensorflow/tfjs-node') throw notFound(module);
        return import(module);
      },
    });
    expect({ name, backend, skipped }).toEqual({
      name: 'tfjs:wasm',
      backend: 'wasm',
      skipped: [
        {
          name: 'tfjs-node-gpu',
          reason:
            '@tensorflow/tfjs-node-gpu is installed without its native addon, ' +
            'npx @polyak/tensorflow-native builds it',
        },
        {
          name: 'tfjs-node',
          reason: '@tensorflow/tfjs-node is not installed, npx @polyak/tensorflow-native builds it',
        },
      ],
    });
    expect(lines).toEqual([
      expect.stringMatching(/^tfjs:wasm \(wasm\); not tfjs-node-gpu: .*; not tfjs-node: /u),
    ]);
    expect(tf.getBackend()).toBe('wasm');
    expect(tfjsBackend(tf).name).toBe(name);
  });

  it('follows the order that it is given', async () => {
    const { tf, name, skipped } = await loadTensorFlow({ backends: ['cpu', 'wasm'] });
    expect([name, tf.getBackend(), skipped]).toEqual(['tfjs:cpu', 'cpu', []]);
  });

  it('never falls back on a backend that was not asked for', async () => {
    const importModule = async (name: string): Promise<never> => {
      throw notFound(name);
    };
    await expect(loadTensorFlow({ backends: ['tfjs-node-gpu'], importModule })).rejects.toThrow(
      expect.objectContaining({
        code: 'ERR_UNSUPPORTED',
        message:
          'loadTensorFlow: no backend works. not tfjs-node-gpu: @tensorflow/tfjs-node-gpu is not ' +
          'installed, npx @polyak/tensorflow-native builds it.',
      }) as Error,
    );
  });

  it('refuses backends and options that do not exist', async () => {
    const backends = ['webgl'] as unknown as readonly TensorFlowBackend[];
    await expect(loadTensorFlow({ backends })).rejects.toThrow(RangeError);
    await expect(loadTensorFlow({ backends })).rejects.toThrow(
      'there is no backend "webgl", expected some of tfjs-node-gpu, tfjs-node, wasm, cpu.',
    );
    await expect(loadTensorFlow({ backend: 'cpu' } as object)).rejects.toThrow(
      /there is no option "backend"/u,
    );
    await expect(loadTensorFlow({ onReport: true } as object)).rejects.toThrow(/onReport is true/u);
  });

  it('names the package that wasm lacks', async () => {
    const { backend, skipped } = await loadTensorFlow({
      backends: ['wasm', 'cpu'],
      importModule: async (module) => {
        if (module === '@tensorflow/tfjs-backend-wasm') throw notFound(module);
        return import(module);
      },
    });
    expect([backend, skipped]).toEqual([
      'cpu',
      [{ name: 'wasm', reason: '@tensorflow/tfjs-backend-wasm is not installed' }],
    ]);
  });

  it('refuses a backend that setBackend did not activate or that computes wrongly', async () => {
    const { tf } = await loadTensorFlow({ backends: ['cpu'] });
    const refusing = { ...tf, setBackend: async () => false, getBackend: () => 'cpu' };
    const wrong = {
      ...tf,
      setBackend: async () => true,
      getBackend: () => 'tensorflow',
      tidy: () => [3],
    };
    const { skipped } = await loadTensorFlow({
      backends: ['tfjs-node-gpu', 'tfjs-node', 'cpu'],
      importModule: async (module) =>
        ({ '@tensorflow/tfjs-node-gpu': refusing, '@tensorflow/tfjs-node': wrong })[module] ??
        import(module),
    });
    expect(skipped.map(({ reason }) => reason)).toEqual([
      'tf.setBackend(\'tensorflow\') failed, "cpu" is active',
      'it computes 1 + 1 = 3',
    ]);
  });

  it('puts back what Node 23 took from tfjs-node, before it is imported', async () => {
    const removed: { isNullOrUndefined?: unknown } = util;
    const kept = removed.isNullOrUndefined;
    delete removed.isNullOrUndefined;
    let found: unknown;
    const importModule = async (name: string): Promise<never> => {
      found = removed.isNullOrUndefined;
      throw notFound(name);
    };
    await expect(loadTensorFlow({ backends: ['tfjs-node'], importModule })).rejects.toThrow(
      'not installed',
    );
    removed.isNullOrUndefined = kept;
    const isNullOrUndefined = found as (value: unknown) => boolean;
    expect([null, undefined, 0, ''].map(isNullOrUndefined)).toEqual([true, true, false, false]);
  });

  it('finds what was built above the current directory', async () => {
    const { built, end } = project();
    writePackage(built, '@tensorflow/tfjs-node', "throw new Error('the one that was built')");
    await expect(loadTensorFlow({ backends: ['tfjs-node'] })).rejects.toThrow(
      'the one that was built',
    );
    await expect(loadTensorFlow({ backends: ['tfjs-node-gpu'] })).rejects.toThrow(
      'tfjs-node-gpu is not installed',
    );
    end();
  });

  it('runs what was built on the copy of tfjs that the project imports', async () => {
    const { built, end } = project();
    for (const name of ['tfjs-core', 'tfjs-layers', 'tfjs']) {
      writePackage(built, `@tensorflow/${name}`, `throw new Error('a second copy of ${name}')`);
    }
    writePackage(
      built,
      '@tensorflow/tfjs-node',
      `const tf = require('@tensorflow/tfjs');
      const { io } = require('@tensorflow/tfjs-core');
      const { layers } = require('@tensorflow/tfjs-layers');
      const backend = { setBackend: async () => true, getBackend: () => 'tensorflow' };
      module.exports = { ...tf, ...backend, io, layers };`,
    );
    await projectTf.setBackend('cpu');
    const { tf, skipped } = await loadTensorFlow({ backends: ['tfjs-node'] });
    expect(skipped).toEqual([]);
    expect([tf.Tensor, tf.io, tf.layers]).toEqual([
      projectTf.Tensor,
      projectTf.io,
      projectTf.layers,
    ]);
    const inner = tf.layers.dense({ units: 1, inputShape: [2] });
    expect(projectTf.sequential({ layers: [inner] })).toBeInstanceOf(tf.Sequential);
    end();
  });
});

/** A project with a folder for what was built, and the current directory inside of it. */
function project(): { readonly built: string; readonly end: () => void } {
  const root = mkdtempSync(join(tmpdir(), 'polyak-'));
  const inner = join(root, 'a', 'b');
  mkdirSync(inner, { recursive: true });
  const cwd = vi.spyOn(process, 'cwd').mockReturnValue(inner);
  return {
    built: join(root, '.tensorflow-native'),
    end() {
      cwd.mockRestore();
      rmSync(root, { recursive: true });
    },
  };
}

function writePackage(folder: string, name: string, code: string): void {
  const home = join(folder, 'node_modules', name);
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, 'package.json'), JSON.stringify({ name, version: '4.22.0' }));
  writeFileSync(join(home, 'index.js'), code);
}
