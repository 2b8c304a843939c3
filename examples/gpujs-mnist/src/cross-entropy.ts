// The loss of a classifier, and the first step of the way back.
import type { KernelArray } from '@polyak/backend-gpujs';
import type { GPU } from 'gpu.js';

import { batchedKernel } from './batched-kernel.js';

/** The mean cross-entropy between logits and labels. */
export interface CrossEntropy {
  /**
   * @param logits - [samples, classes]
   * @param labels - the right class of each sample
   * @returns the loss of each sample, in nats
   */
  losses(logits: KernelArray, labels: Float32Array): Promise<Float32Array>;
  /** The gradient of the mean loss with respect to the logits: (softmax - one-hot) / samples. */
  gradient(logits: KernelArray, labels: Float32Array): Promise<KernelArray>;
  dispose(): void;
}

/** Cross-entropy of softmax, computed from the greatest logit so that nothing overflows. */
export function crossEntropy(gpu: GPU, classes: number): CrossEntropy {
  // The row of a sample: its first element, its greatest, and the sum of all exponentials less
  // that.
  const row = (sample: string): string => `
    const from = ${sample} * this.constants.classes;
    let most = logits[from];
    for (let k = 1; k < this.constants.classes; k++) { most = Math.max(most, logits[from + k]); }
    let sum = 0;
    for (let k = 0; k < this.constants.classes; k++) { sum += Math.exp(logits[from + k] - most); }`;
  const losses = batchedKernel(gpu, 'crossEntropy', {
    source: `function (logits, labels) {
      ${row('this.thread.x')}
      const label = labels[this.thread.x];
      return Math.log(sum) + most - logits[from + label];
    }`,
    output: (count) => [count],
    constants: { classes },
  });
  const gradient = batchedKernel(gpu, 'crossEntropy', {
    source: `function (logits, labels) {
      ${row('this.thread.y')}
      const label = labels[this.thread.y];
      let wanted = 0;
      if (Math.abs(label - this.thread.x) < 0.5) { wanted = 1; }
      return (Math.exp(logits[from + this.thread.x] - most) / sum - wanted) / this.constants.count;
    }`,
    output: (count) => [classes, count],
    constants: { classes },
  });
  return {
    losses: async (logits, labels) => losses.read(labels.length, logits, labels),
    gradient: async (logits, labels) => gradient.run(labels.length, logits, labels),
    dispose() {
      losses.dispose();
      gradient.dispose();
    },
  };
}
