// A small module of a user: gradient descent with momentum on a quadratic of each worker's own.
// Options say how a worker misbehaves.
import { appendFileSync, existsSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';

export async function train({ weights, state, seed, round, worker, steps, options, signal }) {
  const { w, b } = weights;
  const log = (text) => {
    write(options, text);
  };
  log(`train ${round}/${worker} in ${process.pid}`);
  const velocity = state?.velocity ?? { dtype: 'float64', shape: [3], data: new Float64Array(3) };
  for (let step = 0; step < steps; step += 1) {
    for (let i = 0; i < 3; i += 1) {
      const target = Math.sin(seed + i) + worker;
      velocity.data[i] = 0.5 * velocity.data[i] + (w.data[i] - target);
      w.data[i] -= (options.lr ?? 0.1) * velocity.data[i];
    }
    b.data[0] += 0.125 * (worker + 1);
  }
  if (options.pauseMs) await setTimeout(options.pauseMs);
  if (options.worker === undefined || options.worker === worker) {
    const end = Date.now() + (options.blockMs ?? 0);
    while (Date.now() < end);
    // Waits for a file, or until it is told to stop.
    while (options.until && !existsSync(options.until)) {
      if (signal.aborted && !options.isStubborn) {
        log(`aborted ${round}/${worker}`);
        break;
      }
      await setTimeout(20);
    }
    if (options.nanUnless && !existsSync(options.nanUnless)) w.data[1] = NaN;
    if (options.misfit) weights.w = { dtype: 'float32', shape: [2], data: new Float32Array(2) };
    if (options.throws) throw new Error('the disk is full');
  }
  const sofar = (state?.steps ?? 0) + steps;
  return {
    weights,
    state: { velocity, steps: sofar },
    samples: 10 * (worker + 1),
    metrics: { steps: sofar, loss: NaN },
  };
}

export async function bnUpdate({ weights, options }) {
  await beginCombining('bnUpdate', options);
  weights.b.data[0] += 42;
  return weights;
}

export async function evaluate({ weights, options }) {
  await beginCombining('evaluate', options);
  return options.isUnscored ? NaN : -Math.abs(weights.w.data[0] - 1);
}

async function beginCombining(what, options) {
  write(options, `${what} in ${process.pid}`);
  while (options.combineUntil && !existsSync(options.combineUntil)) await setTimeout(20);
}

function write({ log }, text) {
  if (log) appendFileSync(log, `${text}\n`);
}
