// A network of jax-js, as its users write one: a function of a tree of arrays, and its gradient.
import { defaultDevice, init, jit, nn, numpy as np, tree, valueAndGrad } from '@jax-js/jax';
import { cpuBackend } from '@polyak/backend-cpu';
import type { HostTensor } from '@polyak/core/interfaces';
import type { Embedded } from '@polyak/example-shared/embedded-run';
import type { Point } from '@polyak/example-shared/moons';
import { arrayParameters } from './jax-swa.js';

const [RATE, MOMENTUM, UNITS] = [0.5, 0.9, 16];

// WebAssembly is what jax-js has in Node.
await init('wasm');
defaultDevice('wasm');

type Layers = {
  hiddenWeight: np.Array;
  hiddenBias: np.Array;
  outputWeight: np.Array;
  outputBias: np.Array;
};

function zeros(): Layers {
  return {
    hiddenWeight: np.zeros([2, UNITS]),
    hiddenBias: np.zeros([UNITS]),
    outputWeight: np.zeros([UNITS, 1]),
    outputBias: np.zeros([1]),
  };
}

/** The logits. */
function forward(weights: Layers, inputs: np.Array): np.Array {
  const { hiddenWeight, hiddenBias, outputWeight, outputBias } = weights;
  const hidden = np.tanh(np.add(np.dot(inputs, hiddenWeight), hiddenBias));
  return np.add(np.dot(hidden, outputWeight), outputBias);
}

/** The cross-entropy. */
function loss(weights: Layers, inputs: np.Array, labels: np.Array): np.Array {
  const logits = forward(weights, inputs);
  return np.mean(np.subtract(nn.softplus(logits.ref), np.multiply(logits, labels)));
}

const lossAndGradient = valueAndGrad(loss);

/** A step of gradient descent with momentum: the new momentum and the new weights. */
function descend(weights: Layers, momentum: Layers, inputs: np.Array, labels: np.Array): Layers[] {
  const [value, gradient] = lossAndGradient(tree.ref(weights), inputs, labels);
  value.dispose();
  const moved = tree.map(
    (old: np.Array, slope: np.Array) => np.add(np.multiply(old, MOMENTUM), slope),
    momentum,
    gradient,
  );
  const next = tree.map(
    (old: np.Array, step: np.Array) => np.subtract(old, np.multiply(step, RATE)),
    weights,
    tree.ref(moved),
  );
  return [moved, next];
}

// A function that is not compiled is lazy: the sums of all steps would pile up.
const [compiledStep, compiledForward] = [
  jit(descend),
  jit((weights: Layers, inputs: np.Array) => nn.sigmoid(forward(weights, inputs))),
];

/** A network, its momentum, and where their numbers are. */
export function makeNetwork(): Embedded<HostTensor> {
  const [weights, momentum] = [zeros(), zeros()];
  const inputsOf = (points: readonly Point[]): np.Array =>
    np.array(points.map(({ input }) => [...input]));
  return {
    backend: cpuBackend(),
    weights: arrayParameters(weights),
    optimizerState: arrayParameters(momentum, 'momentum/'),
    step(batch) {
      const labels = np.array(batch.map(({ label }) => [label]));
      // Arguments are consumed: the records get new arrays for them.
      const next = compiledStep(weights, momentum, inputsOf(batch), labels);
      Object.assign(momentum, next[0]);
      Object.assign(weights, next[1]);
    },
    predict: (points) => [...compiledForward(tree.ref(weights), inputsOf(points)).dataSync()],
  };
}
