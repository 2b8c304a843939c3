// A small module of a user: gradient descent on a quadratic that each worker has its own of, with
// momentum. Options say how a worker misbehaves.
import { appendFileSync, readFileSync } from 'node:fs';

export async function train({ weights, state, seed, round, worker, steps, options, signal }) {
  const { w, b } = weights;
  if (options.log) appendFileSync(options.log, `${round}/${worker} ${process.pid}\n`);
  const velocity = state?.velocity ?? { dtype: 'float64', shape: [3], data: new Float64Array(3) };
  const stepsBefore = state?.steps ?? 0;
  for (let step = 0; step < steps; step += 1) {
    for (let i = 0; i < 3; i += 1) {
      const target = Math.sin(seed + i) + worker;
      velocity.data[i] = 0.5 * velocity.data[i] + (w.data[i] - target);
      w.data[i] -= (options.lr ?? 0.1) * velocity.data[i];
    }
    b.data[0] += 0.125 * (worker + 1);
  }
  const mine = options.only === undefined || options.only === worker;
  if (mine && options.blockMs) {
    const until = Date.now() + options.blockMs;
    while (Date.now() < until);
  }
  if (mine && options.waitMs) {
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, options.waitMs);
      signal.addEventListener('abort', () => {
        clearTimeout(timer);
        if (options.log) appendFileSync(options.log, `aborted ${worker}\n`);
        resolve();
      });
    });
  }
  if (mine && options.hold) {
    while (!signal.aborted || options.stubborn) {
      try {
        readFileSync(options.hold);
        break;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }
  if (mine && options.nan) w.data[1] = NaN;
  if (mine && options.throws) throw new Error('the disk is full');
  const misfit = { dtype: 'float32', shape: [2], data: new Float32Array(2) };
  return {
    weights: { w: mine && options.misfit ? misfit : w, b },
    state: { velocity, steps: stepsBefore + steps },
    samples: 10 * (worker + 1),
    metrics: { steps: stepsBefore + steps, loss: NaN },
  };
}

export function bnUpdate({ weights }) {
  weights.b.data[0] = 42;
  return weights;
}

export function evaluate({ weights }) {
  return -Math.abs(weights.w.data[0] - 1);
}
