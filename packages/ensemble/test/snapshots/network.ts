// A small network that really trains: two layers, softmax, plain SGD, three interleaved spirals.
// The same on every machine.
import { cpuBackend, parameter } from '@polyak/backend-cpu';
import type { CpuBackend } from '@polyak/backend-cpu';
import type { HostTensor, Parameter } from '@polyak/core/interfaces';
import { random } from '../../../../tests/support/sgd.js';

export const CLASSES = 3;
const HIDDEN = 24;
const NOISE = 1.4;

/** Points in the plane and their classes. */
export interface Samples {
  readonly x: readonly (readonly [number, number])[];
  readonly labels: readonly number[];
}

/** Noisy points on three spiral arms. */
export function spirals(seed: number, count: number): Samples {
  const next = random(seed);
  const labels = Array.from({ length: count }, (_, n) => n % CLASSES);
  const x = labels.map((label): [number, number] => {
    const radius = 0.1 + 0.9 * next();
    const angle = 3.5 * radius + (2 * Math.PI * label) / CLASSES + NOISE * (next() + next() - 1);
    return [2 * radius * Math.cos(angle), 2 * radius * Math.sin(angle)];
  });
  return { x, labels };
}

export interface Network {
  readonly backend: CpuBackend;
  readonly parameters: readonly Parameter<HostTensor>[];
  /** Probabilities, `[samples, CLASSES]`. */
  predict(samples: Samples): Float64Array;
  /** One step of SGD on a batch drawn from `samples`. */
  step(samples: Samples, lr: number): void;
}

/** A network with weights, and batches, from `seed`. */
export function network(seed: number): Network {
  const next = random(seed);
  const layer = (inputs: number, outputs: number): Float32Array =>
    Float32Array.from({ length: inputs * outputs }, () => (2 * next() - 1) * Math.sqrt(3 / inputs));
  const w1 = layer(2, HIDDEN);
  const b1 = new Float32Array(HIDDEN);
  const w2 = layer(HIDDEN, CLASSES);
  const b2 = new Float32Array(CLASSES);
  const cells = Object.entries({ w1, b1, w2, b2 }).map(([name, data]) =>
    parameter(name, { dtype: 'float32', shape: [data.length], data }),
  );

  const forward = ([x0, x1]: readonly [number, number]): {
    hidden: Float64Array;
    p: Float64Array;
  } => {
    const hidden = Float64Array.from(b1, (bias, h) =>
      Math.tanh(bias + x0 * (w1[h] as number) + x1 * (w1[HIDDEN + h] as number)),
    );
    const logits = Float64Array.from(b2, (bias, c) =>
      hidden.reduce((sum, value, h) => sum + value * (w2[h * CLASSES + c] as number), bias),
    );
    const most = Math.max(...logits);
    const powers = logits.map((z) => Math.exp(z - most));
    const total = powers.reduce((sum, power) => sum + power, 0);
    return { hidden, p: powers.map((power) => power / total) };
  };

  const descend = (weights: Float32Array, index: number, amount: number): void => {
    weights[index] = (weights[index] as number) - amount;
  };

  return {
    backend: cpuBackend(),
    parameters: cells,
    predict: ({ x }) => Float64Array.from(x.flatMap((point) => [...forward(point).p])),
    step({ x, labels }, lr) {
      const n = Math.floor(next() * x.length);
      const point = x[n] as readonly [number, number];
      const { hidden, p } = forward(point);
      const errors = p.map((value, c) => value - (c === labels[n] ? 1 : 0));
      for (const [h, value] of hidden.entries()) {
        const back = errors.reduce(
          (sum, error, c) => sum + error * (w2[h * CLASSES + c] as number),
          0,
        );
        errors.forEach((error, c) => descend(w2, h * CLASSES + c, lr * error * value));
        const slope = back * (1 - value * value);
        descend(w1, h, lr * slope * point[0]);
        descend(w1, HIDDEN + h, lr * slope * point[1]);
        descend(b1, h, lr * slope);
      }
      errors.forEach((error, c) => descend(b2, c, lr * error));
    },
  };
}
