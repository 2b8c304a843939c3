// Two models with one backend, whose calls overlap.
import { AveragedModel } from '@polyak/core';
import { webgpuBackend, webgpuParameter } from '@polyak/example-backend-webgpu';
import { expect, it } from 'vitest';
import { describeWebgpu, floats, modelTensor } from './device.js';

describeWebgpu((bench) => {
  it('averages each model as it would alone', async () => {
    const { device } = bench;
    const backend = await webgpuBackend(device);
    const models = [1, 10].map((scale) => {
      const tensor = modelTensor(device, floats(scale, 2 * scale));
      const average = new AveragedModel([webgpuParameter(device, 'weight', tensor)], { backend });
      return { scale, tensor, average };
    });
    for (const factor of [1, 3, 5]) {
      for (const { scale, tensor } of models) {
        const values = Float32Array.of(factor * scale, 2 * factor * scale);
        device.queue.writeBuffer(tensor.buffer, 0, values);
      }
      await Promise.all(models.map(async ({ average }) => average.update()));
    }
    await Promise.all(
      models.map(async ({ scale, tensor, average }) =>
        average.withAveraged(async () => {
          expect(await backend.download([tensor])).toEqual([floats(3 * scale, 6 * scale)]);
        }),
      ),
    );
    for (const { average, tensor } of models) {
      await average.dispose();
      tensor.buffer.destroy();
    }
    expect(backend.memory().tensors).toBe(0);
  });
});
