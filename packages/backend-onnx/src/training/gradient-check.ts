// The change that a step makes, against central differences of its loss.
import { PolyakError } from '@polyak/core';
import type { HostTensor } from '@polyak/core/interfaces';
import { requireOptions } from '@polyak/core/kit';

/** Options of {@link TrainStepOptimizer.checkGradients}. */
export interface GradientCheckOptions {
  /** The number of random directions, at least 1. Default 8. */
  readonly samples?: number;
  /** The relative error that passes beyond twice the uncertainty, in (0, 1). Default 0.01. */
  readonly tolerance?: number;
  /**
   * What the first step multiplies the gradient by, finite and > 0: `1 + momentum` with Nesterov
   * momentum, `1 - dampening` with dampening. Default 1.
   */
  readonly gradientScale?: number;
  /** Selects the directions, an integer. Default 0. */
  readonly seed?: number;
}

/** What {@link TrainStepOptimizer.checkGradients} found. */
export interface GradientCheck {
  /**
   * ‖p - d‖ / max(‖p‖, ‖d‖) over the directions: p by the step's gradient, d by differences of the
   * loss.
   */
  readonly relativeError: number;
  /**
   * How well d is known, relative as above: by its change with the step size, and by rounding.
   * About 0.001 for smooth networks, and up to 0.1 with ReLU.
   */
  readonly uncertainty: number;
}

/** The weights that a check reads, and the runs that it makes. */
export interface StepProbe {
  /** The trained parameters, float32 or float64. They are only read. */
  readonly weights: readonly (HostTensor & { readonly name: string })[];
  /** The weights after one step at the learning rate `lr` from momenta of zero. */
  moved(lr: number): Promise<readonly HostTensor[]>;
  /** The loss at other weights. */
  lossAt(weights: readonly HostTensor[]): Promise<number>;
}

/** Lengths of the differences, relative to that of the weights. Each is used with the next. */
const LENGTHS = [2 ** -3, 2 ** -5, 2 ** -7, 2 ** -9, 2 ** -11, 2 ** -13, 2 ** -15];

/** From here on, the check could not tell a wrong gradient from a right one. */
const LARGEST_UNCERTAINTY = 0.2;

/** Relative to the loss, in float32. */
const ROUNDING = 2 ** -23;

/** A power of two, so that `lr * gradient` is exact; large, so that the weights hardly round it. */
const LR = 1024;

const OPTIONS: readonly (keyof GradientCheckOptions)[] = [
  'samples',
  'tolerance',
  'gradientScale',
  'seed',
];

/** See {@link TrainStepOptimizer.checkGradients}. */
export async function checkGradients(
  { weights, moved, lossAt }: StepProbe,
  options: GradientCheckOptions,
): Promise<GradientCheck> {
  const { samples, tolerance, gradientScale, seed } = readOptions(options);
  for (const { name, dtype } of weights) {
    if (dtype === 'float32' || dtype === 'float64') continue;
    throw new PolyakError(
      'ERR_UNSUPPORTED',
      `checkGradients: "${name}" is ${dtype}, expected float32 or float64. Export the step in ` +
        'float32 for the check.',
    );
  }
  const after = await moved(LR);
  const gradients = weights.map(({ data }, index) => {
    const gradient = numbersOf(data);
    const next = numbersOf(after[index]?.data ?? []);
    return gradient.map((value, n) => (value - (next[n] ?? Number.NaN)) / (LR * gradientScale));
  });
  const loss = await lossAt(weights);
  const gradientNorm = norm(gradients.map(norm));
  if (!(Number.isFinite(loss) && Number.isFinite(gradientNorm))) {
    throw new PolyakError(
      'ERR_NON_FINITE',
      `checkGradients: the loss is ${loss} and its gradient has the norm ${gradientNorm}. Check ` +
        'with finite weights and another batch.',
    );
  }
  const values = weights.map(({ data }) => numbersOf(data));
  const length = norm(values.map(norm)) || 1;

  const random = signs(seed);
  const predicted: number[] = [];
  const measured = LENGTHS.map((): number[] => []);
  const resolution = LENGTHS.map((): number[] => []);
  for (let sample = 0; sample < samples; sample += 1) {
    const direction = values.map((part) => orthogonal(random, part));
    const size = norm(direction.map(norm)) || 1;
    predicted.push(sum(direction.map((part, n) => dot(part, gradients[n] ?? part))));
    for (const [index, relative] of LENGTHS.entries()) {
      const step = (relative * length) / size;
      const plus = await lossAt(shifted(weights, direction, step));
      const minus = await lossAt(shifted(weights, direction, -step));
      measured[index]?.push((plus - minus) / (2 * step));
      const largest = Math.max(Math.abs(plus), Math.abs(minus));
      resolution[index]?.push((ROUNDING * largest) / step);
    }
  }
  return judge(predicted, measured, { resolution, tolerance });
}

function judge(
  predicted: readonly number[],
  measured: readonly (readonly number[])[],
  limits: { readonly resolution: readonly (readonly number[])[]; readonly tolerance: number },
): GradientCheck {
  const { resolution, tolerance } = limits;
  const { differences, error } = measured
    .slice(1)
    .map((each, index) => ({
      differences: each,
      error: Math.max(distance(each, measured[index] ?? []), norm(resolution[index + 1] ?? [])),
    }))
    // Comparisons with NaN are false: far from the weights, the loss may overflow.
    .reduce((one, other) => (one.error <= other.error ? one : other));
  const scale = Math.max(norm(predicted), norm(differences));
  const relativeError = scale === 0 ? 0 : distance(predicted, differences) / scale;
  const uncertainty = scale === 0 ? 1 : error / scale;
  const limit = tolerance + 2 * uncertainty;
  if (relativeError > limit) {
    const factor = dot(predicted, differences) / dot(differences, differences);
    throw new PolyakError(
      'ERR_MODEL',
      'checkGradients: the step does not follow the gradient of its loss: relative error ' +
        `${relativeError.toPrecision(2)}, at most ${limit.toPrecision(2)} expected; its gradient ` +
        `is about ${factor.toPrecision(3)} times that of the loss. Export the step with ` +
        'export_step.py of @polyak/backend-onnx, or the loss as log-softmax on one-hot targets. ' +
        'With Nesterov momentum, pass gradientScale.',
    );
  }
  if (!(uncertainty <= LARGEST_UNCERTAINTY)) {
    throw new PolyakError(
      'ERR_UNSUPPORTED',
      'checkGradients: the loss is too coarse for a check: its differences are uncertain by ' +
        `${uncertainty.toPrecision(2)}, at most ${LARGEST_UNCERTAINTY} expected. Check before ` +
        'training, with another batch, and without random numbers in the graph.',
    );
  }
  return { relativeError, uncertainty };
}

function readOptions(options: GradientCheckOptions): Required<GradientCheckOptions> {
  const {
    samples = 8,
    tolerance = 0.01,
    gradientScale = 1,
    seed = 0,
  } = requireOptions('checkGradients', options, OPTIONS);
  const refuse = (name: string, value: unknown, expected: string): never => {
    throw new RangeError(`checkGradients: ${name} is ${String(value)}, expected ${expected}.`);
  };
  if (!(Number.isSafeInteger(samples) && samples >= 1)) {
    refuse('samples', samples, 'an integer >= 1');
  }
  if (!(tolerance > 0 && tolerance < 1)) refuse('tolerance', tolerance, 'a number in (0, 1)');
  if (!(gradientScale > 0 && gradientScale < Infinity)) {
    refuse('gradientScale', gradientScale, 'a finite number > 0');
  }
  if (!Number.isSafeInteger(seed)) refuse('seed', seed, 'an integer');
  return { samples, tolerance, gradientScale, seed };
}

/** 1 or -1 at each call: mulberry32 of Tommy Ettinger. */
function signs(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) & 1) === 0 ? 1 : -1;
  };
}

/** Random signs, less their part along the weights, along which weight decay moves. */
function orthogonal(random: () => number, weights: Float64Array): Float64Array {
  const direction = weights.map(random);
  const square = dot(weights, weights);
  const along = square === 0 ? 0 : dot(direction, weights) / square;
  return direction.map((value, n) => value - along * (weights[n] ?? 0));
}

function shifted(
  weights: readonly HostTensor[],
  direction: readonly Float64Array[],
  step: number,
): readonly HostTensor[] {
  return weights.map((weight, index) => {
    const data = (weight.data as Float32Array).slice();
    direction[index]?.forEach((value, n) => {
      data[n] = (data[n] ?? Number.NaN) + step * value;
    });
    return { ...weight, data };
  });
}

function numbersOf(data: HostTensor['data'] | readonly []): Float64Array {
  return Float64Array.from(data as Float32Array);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function dot(one: ArrayLike<number>, other: ArrayLike<number>): number {
  let total = 0;
  for (let n = 0; n < one.length; n += 1)
    total += (one[n] ?? Number.NaN) * (other[n] ?? Number.NaN);
  return total;
}

function norm(values: ArrayLike<number>): number {
  return Math.sqrt(dot(values, values));
}

function distance(one: readonly number[], other: readonly number[]): number {
  return norm(one.map((value, n) => value - (other[n] ?? Number.NaN)));
}
