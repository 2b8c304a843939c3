import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { readFileSync } from 'node:fs';
import { loadOnnxModel, onnxBackend, onnxParameter } from '@polyak/backend-onnx';
import type { GradientCheckOptions, TrainStepOptimizer } from '@polyak/backend-onnx';
import { ModelProtoSchema } from '@polyak/backend-onnx/proto';
import { AveragedModel } from '@polyak/core';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { batches, numbers, open, refusal, tensorOf } from './opened.js';
import { batchOf, CLASSES, labelTensor, noise, pathOf } from './torch-fixture.js';

/** A linear classifier whose step PyTorch exported. */
async function classifier(
  file: string,
  scale: (value: number) => number = (value) => value / 4,
): Promise<TrainStepOptimizer> {
  const values = noise(1000, 6 * CLASSES).map(scale);
  const parameters = [
    onnxParameter('weight', new ort.Tensor('float32', values, [CLASSES, 6])),
    onnxParameter('bias', new ort.Tensor('float32', values.slice(0, CLASSES), [CLASSES])),
  ];
  return open({ parameters }, pathOf(file));
}

function samplesOf(size: number): Readonly<Record<string, ort.Tensor>> {
  const labels = Array.from({ length: size }, (_, n) => (3 * n) % CLASSES);
  return {
    images: new ort.Tensor('float32', noise(0, size * 6), [size, 6]),
    labels: labelTensor(labels),
  };
}

/** The step of the ResNet, where `unmoved` does not move: a gradient that is missing. */
function resnetGraph(unmoved = ''): Uint8Array {
  const model = fromBinary(ModelProtoSchema, readFileSync(pathOf('resnet-step.onnx')));
  for (const node of model.graph?.node ?? []) {
    if (!node.output.includes(`${unmoved}_new`)) continue;
    node.opType = 'Identity';
    node.input = [unmoved];
  }
  return toBinary(ModelProtoSchema, model);
}

async function resnet(graph: string | Uint8Array): Promise<TrainStepOptimizer> {
  const model = await loadOnnxModel(ort, pathOf('resnet.onnx'));
  const { parameters, initializers } = model;
  const state = [...initializers.values()].filter((each) => !parameters.includes(each));
  return open({ parameters, state, lr: 0.05, session: { intraOpNumThreads: 1 } }, graph);
}

describe('checkGradients', () => {
  it.each([0, 1, 2, 3, 4])('passes the step of export_step.py, seed %d', async (seed) => {
    const optimizer = await classifier('cross-entropy.onnx');
    for (const size of [1, 4, 32]) {
      const found = await optimizer.checkGradients(samplesOf(size), { seed });
      expect(found.relativeError).toBeLessThan(0.001);
      expect(found.uncertainty).toBeLessThan(0.001);
    }
  });

  it.each([4, 8])(
    'finds the cross-entropy that PyTorch exports with gradients %d times too large',
    async (size) => {
      const optimizer = await classifier('cross-entropy-wrong.onnx');
      const error = await refusal(optimizer.checkGradients(samplesOf(size)));
      expect(error).toMatchObject({ code: 'ERR_MODEL' });
      expect(String(error)).toContain(`its gradient is about ${size}.00 times that of the loss`);
      expect(String(error)).toContain('log-softmax on one-hot targets');
    },
  );

  it('refuses an option that it does not have', async () => {
    const optimizer = await resnet(resnetGraph());
    const error = await refusal(optimizer.checkGradients(batchOf(0), { sample: 4 } as object));
    expect(error).toBeInstanceOf(TypeError);
    expect(String(error)).toContain('checkGradients: there is no option "sample". Expected { sa');
  });

  it('passes a ResNet before training, after 20 steps, and on another batch', async () => {
    const optimizer = await resnet(resnetGraph());
    for (let round = 0; round < 2; round += 1) {
      const found = await optimizer.checkGradients(batchOf(round));
      expect(found.relativeError).toBeLessThan(0.005);
      for (let step = 0; step < 20; step += 1) await optimizer.minimize(batchOf(step % 10));
    }
  });

  it.each([0, 1])('passes a ResNet with ReLU, whose loss has kinks, seed %d', async (seed) => {
    const optimizer = await resnet(pathOf('resnet-relu-step.onnx'));
    for (const steps of [0, 20]) {
      for (let step = 0; step < steps; step += 1) await optimizer.minimize(batchOf(step % 10));
      const found = await optimizer.checkGradients(batchOf(steps), { seed });
      expect(found.uncertainty).toBeLessThan(0.1);
    }
  });

  it.each(['conv.weight', 'blocks.1.bn1.weight', 'blocks.2.conv2.weight', 'fc.bias'])(
    'finds that the gradient of %s is missing in a ResNet',
    async (name) => {
      const optimizer = await resnet(resnetGraph(name));
      const error = await refusal(optimizer.checkGradients(batchOf(0)));
      expect(error).toMatchObject({ code: 'ERR_MODEL' });
    },
  );

  it('leaves weights, state and learning rate as they were', async () => {
    const [checked, plain] = [await open({ lr: 0.05 }), await open({ lr: 0.05 })];
    const next = batches();
    const { feeds: first } = next();
    for (const each of [checked, plain]) await each.minimize(first);
    const [before, tensor] = [await checked.stateDict(), tensorOf(checked)];
    await checked.checkGradients(next().feeds);
    expect(await checked.stateDict()).toEqual(before);
    expect(tensorOf(checked)).toBe(tensor);
    expect(numbers(tensor)).toEqual(numbers(tensorOf(plain)));
    const { feeds: second } = next();
    expect(await checked.minimize(second)).toBe(await plain.minimize(second));
  });

  it('counts neither weight decay nor momenta, and takes the scale of a first step', async () => {
    const optimizer = await open();
    const next = batches();
    await optimizer.minimize(next().feeds); // the momenta are not zero any more
    const { feeds } = next();
    expect((await optimizer.checkGradients(feeds)).relativeError).toBeLessThan(0.001);
    const error = await refusal(optimizer.checkGradients(feeds, { gradientScale: 1.9 }));
    expect(String(error)).toContain('its gradient is about 0.526 times that of the loss');
  });

  it.each([0, 1, 2, 3, 4])('says that it cannot tell in a minimum, seed %d', async (seed) => {
    // Zero weights give each class the same probability, and one image has each label.
    const optimizer = await classifier('cross-entropy.onnx', () => 0);
    const image = noise(0, 6);
    const images = Float32Array.from({ length: 6 * CLASSES }, (_, n) => image[n % 6] ?? Number.NaN);
    const labels = labelTensor(Array.from({ length: CLASSES }, (_, n) => n));
    const batch = { images: new ort.Tensor('float32', images, [CLASSES, 6]), labels };
    const error = await refusal(optimizer.checkGradients(batch, { seed }));
    expect(error).toMatchObject({ code: 'ERR_UNSUPPORTED' });
    expect(String(error)).toContain('the loss is too coarse for a check');
  });

  it('refuses a loss that is not finite', async () => {
    const optimizer = await open();
    const { feeds } = batches()();
    const y = new ort.Tensor('float32', new Float32Array(8).fill(Infinity), [8]);
    expect(await refusal(optimizer.checkGradients({ ...feeds, y }))).toMatchObject({
      code: 'ERR_NON_FINITE',
    });
  });

  it.each([
    [{ samples: 0 }, 'samples is 0'],
    [{ tolerance: 1 }, 'tolerance is 1'],
    [{ gradientScale: Infinity }, 'gradientScale is Infinity'],
    [{ seed: 0.5 }, 'seed is 0.5'],
    [{ sample: 3 } as GradientCheckOptions, 'sample'],
  ])('refuses the options %j', async (options, message) => {
    const optimizer = await open();
    const error = await refusal(optimizer.checkGradients(batches()().feeds, options));
    expect(String(error)).toContain(message);
    await optimizer.minimize(batches()().feeds);
  });

  it('refuses a wrong batch, averages in the cells, and a released step', async () => {
    const optimizer = await open();
    const { feeds } = batches()();
    expect(String(await refusal(optimizer.checkGradients({})))).toBe(
      'TypeError: checkGradients: the batch holds [], expected [x, y].',
    );
    const ema = new AveragedModel(optimizer.paramGroups[0]?.params ?? [], {
      backend: await onnxBackend(ort),
    });
    await ema.update();
    await ema.withAveraged(async () => {
      expect(await refusal(optimizer.checkGradients(feeds))).toMatchObject({ code: 'ERR_SWAPPED' });
    });
    await ema.dispose();
    const running = optimizer.checkGradients(feeds);
    expect(await refusal(optimizer.minimize(feeds))).toMatchObject({ code: 'ERR_BUSY' });
    await running;
    await optimizer.release();
    expect(await refusal(optimizer.checkGradients(feeds))).toMatchObject({ code: 'ERR_DISPOSED' });
  });
});
