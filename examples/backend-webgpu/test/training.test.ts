// SWA of a model that trains on the device.
import { observedOptimizer, SWA } from '@polyak/core';
import { webgpuBackend, webgpuParameter } from '@polyak/example-backend-webgpu';
import type { WebgpuTensor } from '@polyak/example-backend-webgpu';
import { expect, it } from 'vitest';
import { describeWebgpu, floats, modelTensor } from './device.js';

/** One step of gradient descent on the squared error of `y = slope * x + bias`, at one sample. */
const STEP = /* wgsl */ `
@group(0) @binding(0) var<storage, read_write> slope: array<f32>;
@group(0) @binding(1) var<storage, read_write> bias: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> y: array<f32>;

@compute @workgroup_size(1)
fn step() {
  var error = bias[0] - y[0];
  for (var i = 0u; i < arrayLength(&x); i++) { error += slope[i] * x[i]; }
  for (var i = 0u; i < arrayLength(&x); i++) { slope[i] -= 0.2 * error * x[i]; }
  bias[0] -= 0.2 * error;
}
`;

const FEATURES = 3;
const TRUTH = [2, -1, 0.5];

/** A number in [-1, 1), another one for each n. */
const noise = (n: number): number => 2 * Math.abs((Math.sin(n) * 43_758.5453) % 1) - 1;

describeWebgpu((bench) => {
  /** A linear regression on the device: its weights, and a step of its training. */
  function regression(): {
    readonly weights: Readonly<Record<'slope' | 'bias', WebgpuTensor>>;
    readonly step: (n: number) => void;
    readonly destroy: () => void;
  } {
    const { device } = bench;
    const [slope, bias, x, y] = [floats(0, 0, 0), floats(0), floats(0, 0, 0), floats(0)].map(
      (tensor) => modelTensor(device, tensor),
    ) as [WebgpuTensor, WebgpuTensor, WebgpuTensor, WebgpuTensor];
    const pipeline = device.createComputePipeline({
      layout: 'auto',
      compute: { module: device.createShaderModule({ code: STEP }) },
    });
    const tensors = [slope, bias, x, y];
    // Made once: a swap does not replace the buffers.
    const group = device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: tensors.map(({ buffer }, binding) => ({ binding, resource: { buffer } })),
    });
    return {
      weights: { slope, bias },
      step(n) {
        const inputs = Array.from({ length: FEATURES }, (_, i) => noise(n * FEATURES + i + 1));
        const label = TRUTH.reduce((sum, t, i) => sum + t * (inputs[i] as number), 0.3 * noise(-n));
        device.queue.writeBuffer(x.buffer, 0, Float32Array.from(inputs));
        device.queue.writeBuffer(y.buffer, 0, Float32Array.of(label));
        const encoder = device.createCommandEncoder();
        const pass = encoder.beginComputePass();
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, group);
        pass.dispatchWorkgroups(1);
        pass.end();
        device.queue.submit([encoder.finish()]);
      },
      destroy: () => {
        for (const { buffer } of tensors) buffer.destroy();
      },
    };
  }

  it('averages to the float64 mean, shows it to the model, and leaves no buffer', async () => {
    const { device, buffers } = bench;
    const before = buffers.size;
    const { weights, step, destroy } = regression();
    const backend = await webgpuBackend(device);
    const params = Object.entries(weights).map(([name, tensor]) =>
      webgpuParameter(device, name, tensor),
    );
    const read = async (): Promise<readonly number[]> =>
      (await backend.download([weights.slope, weights.bias])).flatMap(({ data }) =>
        Array.from(data, Number),
      );
    const [start, end] = [100, 300];
    const swa = new SWA(observedOptimizer([{ params, lr: 0.2 }]), {
      backend,
      swaStart: start,
      swaFreq: 1,
    });
    const visited: (readonly number[])[] = [];
    for (let n = 1; n <= end; n += 1) {
      await swa.step(() => step(n));
      if (n > start) visited.push(await read());
    }
    expect(swa.paramGroups[0]?.nAvg).toBe(visited.length);

    const mean = (visited[0] ?? []).map(
      (_, i) => visited.reduce((sum, each) => sum + (each[i] as number), 0) / visited.length,
    );
    const live = await read();
    await swa.withAveraged(async () => {
      const averages = await read();
      const largest = Math.max(...visited.flat().map(Math.abs));
      // Each of 200 updates errs by 1.5 units in the last place at most, and counts for half of it
      // in the end.
      const bound = visited.length * 0.75 * 2 ** -23 * largest;
      averages.forEach((value, i) => {
        expect(Math.abs(value - (mean[i] as number))).toBeLessThan(bound);
      });
      const distance = (found: readonly number[]): number =>
        Math.hypot(...TRUTH.map((t, i) => t - (found[i] as number)));
      const usual = visited.reduce((sum, each) => sum + distance(each), 0) / visited.length;
      expect(distance(averages)).toBeLessThan(usual);
    });
    expect(await read()).toEqual(live);

    const held = backend.memory();
    for (let n = 0; n < 50; n += 1) {
      await swa.updateSwa();
      await swa.withAveraged(() => undefined);
    }
    expect(backend.memory()).toEqual(held);
    await swa.dispose();
    expect(backend.memory().tensors).toBe(0);
    destroy();
    expect(buffers.size).toBe(before);
  });
});
