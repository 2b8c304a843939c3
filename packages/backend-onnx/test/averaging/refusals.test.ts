// What the backend on cpu does not take, said before anything is computed.
import {
  averageModels,
  batchNormModel,
  loadOnnxModel,
  onnxBackend,
  onnxParameter,
  trainStepOptimizer,
} from '@polyak/backend-onnx';
import type { OnnxBackend } from '@polyak/backend-onnx';
import * as ort from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manyMagnitudes } from './rounding.js';
import { float32, itemsOf, refusal } from './tensors.js';

let backend: OnnxBackend;
beforeAll(async () => {
  backend = await onnxBackend(ort);
});
afterAll(async () => backend.release());

/** Every call that reads `tensor`. */
function callsWith(tensor: ort.Tensor): readonly (() => unknown)[] {
  const own = float32(1, 2);
  return [
    () => backend.download([own, tensor]),
    () => backend.clone([tensor]),
    () => backend.cast([tensor], ['float16']),
    () => backend.allFinite([tensor]),
    () => backend.average(itemsOf([own], [tensor], 0.5)),
    () => backend.average(itemsOf([tensor], [own], 0.5)),
    () => backend.average(itemsOf([own], [own], 0.5, [tensor])),
    () => backend.swap([onnxParameter('p', own)], [tensor]),
    () => backend.swap([onnxParameter('conv1.weight', tensor)], [own]),
  ];
}

describe('tensors', () => {
  it('on a GPU are refused, by their names', () => {
    // As a session with `preferredOutputLocation: 'gpu-buffer'` gives them; given to a session on
    // cpu, it ends the process.
    const foreign = ort.Tensor.fromGpuBuffer({ mapState: 'unmapped' } as never, {
      dataType: 'float32',
      dims: [2],
    });
    const calls = callsWith(foreign);
    for (const call of calls) expect(call).toThrow(refusal('ERR_PARAMETERS'));
    expect(calls.at(-1)).toThrow(/"conv1\.weight", float32\[2\], has the location "gpu-buffer"/u);
  });

  it('that were disposed of are refused, made by a backend or not', async () => {
    const [made, users] = [(await backend.clone([float32(1, 2)]))[0] as ort.Tensor, float32(1, 2)];
    backend.dispose([made]);
    users.dispose();
    for (const gone of [made, users]) {
      for (const call of callsWith(gone)) expect(call).toThrow(refusal('ERR_DISPOSED'));
    }
    expect(() => backend.dispose([made])).toThrow(refusal('ERR_DISPOSED'));
  });

  it('of users are not freed by dispose', () => {
    const users = float32(1, 2);
    backend.dispose([users]);
    expect(users.data).toEqual(Float32Array.of(1, 2));
  });

  it('of strings and 4-bit integers are refused', () => {
    expect(() => backend.spec(new ort.Tensor('string', ['a'], [1]))).toThrow(
      refusal('ERR_UNSUPPORTED'),
    );
    expect(() => backend.spec(new ort.Tensor('int4', new Uint8Array(1), [2]))).toThrow(
      refusal('ERR_UNSUPPORTED'),
    );
  });

  it('are told from other values', () => {
    expect(() => backend.download([[1, 2] as never])).toThrow(
      'download: tensor 0 is an array, expected an ort.Tensor',
    );
  });
});

describe('a released backend', () => {
  it('refuses calls, but still disposes', async () => {
    const released = await onnxBackend(ort);
    const tensors = await released.upload([manyMagnitudes('float32', 3, 1)]);
    await released.release();
    await released.release();
    expect(released.memory()).toEqual({ tensors: 1, sessions: 0 });
    expect(() => released.average(itemsOf(tensors, tensors, 0.5))).toThrow(refusal('ERR_DISPOSED'));
    expect(() => released.upload([])).toThrow(refusal('ERR_DISPOSED'));
    released.dispose(tensors);
    expect(released.memory().tensors).toBe(0);
  });
});

describe('execution providers', () => {
  it('name the backend', () => {
    expect(backend.name).toBe('onnx:cpu');
  });

  it('are refused where none or an unknown one is asked for', async () => {
    const asking = async (executionProviders: unknown) =>
      onnxBackend(ort, { executionProviders: executionProviders as ['cpu'] });
    await expect(asking([])).rejects.toThrow(RangeError);
    await expect(asking(['gpu'])).rejects.toThrow(
      'executionProviders is [gpu], expected one or more of cpu, webgpu',
    );
    await expect(asking(['cuda', 'cpu'])).rejects.toThrow('average them on cpu');
    await expect(asking('cpu')).rejects.toThrow(TypeError);
  });
});

describe('wrong arguments', () => {
  it('are TypeErrors that say what to pass', async () => {
    const none = undefined as never;
    const model = await loadOnnxModel(ort, 'packages/backend-onnx/test/fixtures/conv.onnx');
    const calls: (readonly [() => unknown, string])[] = [
      [() => onnxBackend(none), 'onnxBackend: the first argument is undefined'],
      [() => onnxBackend(ort, null as never), 'onnxBackend: the options are null'],
      [() => loadOnnxModel({} as never, 'a.onnx'), 'loadOnnxModel: the first argument is object'],
      [() => loadOnnxModel(ort, none), 'loadOnnxModel: found undefined, expected the path'],
      [() => averageModels(none, []), 'averageModels: the first argument is undefined'],
      [() => averageModels(ort, 'a.onnx' as never), 'averageModels: the sources are string'],
      [() => batchNormModel(none, model), 'batchNormModel: the first argument is undefined'],
      [
        () => batchNormModel(ort, none),
        'batchNormModel: the model is undefined, expected one that',
      ],
      [() => trainStepOptimizer(ort, 'a.onnx', none), 'the options are undefined'],
      [() => trainStepOptimizer(ort, 'a.onnx', {} as never), 'parameters is undefined'],
      [
        () => onnxBackend(ort, { executionProvider: 'cpu' } as never),
        'no option "executionProvider"',
      ],
      [() => loadOnnxModel(ort, 'a.onnx', { embeds: ['w'] } as never), 'no option "embeds"'],
      [() => averageModels(ort, ['a.onnx'], { weight: [1] } as never), 'no option "weight"'],
      [() => averageModels(ort, [], { onWarning: () => 0 } as never), 'no option "onWarning"'],
      [() => batchNormModel(ort, model, { variance: 1 } as never), 'no option "variance"'],
      [() => model.save('a.onnx', { external: true } as never), 'no option "external"'],
      [() => trainStepOptimizer(ort, 'a.onnx', { lrs: [1] } as never), 'no option "lrs"'],
    ];
    for (const [call, message] of calls) {
      const outcome = (async () => call())();
      await expect(outcome).rejects.toThrow(TypeError);
      await expect(outcome).rejects.toThrow(message);
    }
    await model.release();
  });
});
