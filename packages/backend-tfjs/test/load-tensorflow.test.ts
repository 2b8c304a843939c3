// Which backend is taken, and what is said about those that are not.
import { loadTensorFlow, tfjsBackend } from '@polyak/backend-tfjs';
import { describe, expect, it } from 'vitest';

function notFound(name: string): Error {
  return Object.assign(new Error(`Cannot find package '${name}' imported from here`), {
    code: 'ERR_MODULE_NOT_FOUND',
  });
}

const NO_ADDON =
  'The Node.js native addon module (tfjs_binding.node) can not be found at path: /somewhere. \nPlease run …';

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
            '@tensorflow/tfjs-node-gpu is installed without its native addon: ' +
            'run npm rebuild @tensorflow/tfjs-node-gpu --build-addon-from-source',
        },
        { name: 'tfjs-node', reason: '@tensorflow/tfjs-node is not installed' },
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
    await expect(loadTensorFlow({ backends: ['tfjs-node-gpu'] })).rejects.toThrow(
      expect.objectContaining({
        code: 'ERR_UNSUPPORTED',
        message:
          'loadTensorFlow: no backend works. not tfjs-node-gpu: @tensorflow/tfjs-node-gpu is not installed.',
      }) as Error,
    );
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

  it('does not believe setBackend where another backend stays active, nor a backend that computes wrongly', async () => {
    const { tf } = await loadTensorFlow({ backends: ['cpu'] });
    const refusing = { ...tf, setBackend: async () => false, getBackend: () => 'cpu' };
    const node23 = {
      ...tf,
      setBackend: async () => true,
      getBackend: () => 'tensorflow',
      tidy: () => {
        throw new TypeError('(0 , util_1.isNullOrUndefined) is not a function');
      },
    };
    const { skipped } = await loadTensorFlow({
      backends: ['tfjs-node-gpu', 'tfjs-node', 'cpu'],
      importModule: async (module) =>
        ({ '@tensorflow/tfjs-node-gpu': refusing, '@tensorflow/tfjs-node': node23 })[module] ??
        import(module),
    });
    expect(skipped.map(({ reason }) => reason)).toEqual([
      'tf.setBackend(\'tensorflow\') failed, "cpu" is active',
      expect.stringContaining('use Node 22 or older'),
    ]);
  });
});
