// Stochastic gradient descent with momentum.
import { flatKernel, freeArrays, lengthOf } from '@polyak/backend-gpujs';
import type { FlatKernel, KernelArray, GpujsParameter } from '@polyak/backend-gpujs';
import type { GPU } from 'gpu.js';

/** The optimizer: one velocity for each parameter. */
export interface Sgd {
  /**
   * velocity = momentum · velocity + gradient; parameter = parameter - lr · velocity
   *
   * @param gradients - in the order of the parameters; only read
   */
  step(gradients: readonly KernelArray[], lr: number): Promise<void>;
  dispose(): void;
}

/** @param momentum - how much of the last velocity is kept, from 0 to 1 */
export function sgd(gpu: GPU, parameters: readonly GpujsParameter[], momentum: number): Sgd {
  const kernels = new Map<string, FlatKernel>();
  const kernel = (source: string, length: number): FlatKernel => {
    const key = `${source} ${length}`;
    const found = kernels.get(key) ?? flatKernel(gpu, source, { name: 'sgd', output: [length] });
    kernels.set(key, found);
    return found;
  };
  const accelerate =
    'function (v, g, momentum) { return v[this.thread.x] * momentum + g[this.thread.x]; }';
  const move = 'function (p, v, lr) { return p[this.thread.x] - v[this.thread.x] * lr; }';
  const velocities = parameters.map(
    (parameter): KernelArray => new Float32Array(lengthOf(parameter.data())),
  );
  return {
    async step(gradients, lr) {
      for (const [index, parameter] of parameters.entries()) {
        const [old, gradient] = [velocities[index], gradients[index]];
        if (old === undefined || gradient === undefined) {
          throw new RangeError(`sgd: there is no gradient for "${parameter.name}".`);
        }
        const length = lengthOf(old);
        const velocity = await kernel(accelerate, length).run(old, gradient, Math.fround(momentum));
        velocities[index] = velocity;
        freeArrays(old);
        parameter.replace(
          await kernel(move, length).run(parameter.data(), velocity, Math.fround(lr)),
        );
      }
    },
    dispose() {
      freeArrays(...velocities);
      for (const each of kernels.values()) each.dispose();
    },
  };
}
