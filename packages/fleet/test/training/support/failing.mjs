// A module that fails as its options say.
const FAULTS = {
  null: () => null.data,
  undefined: () => {
    throw undefined;
  },
  text: () => {
    throw 'no GPU';
  },
  later: () => {
    setTimeout(() => null.later);
    return new Promise(() => undefined);
  },
  rejected: () => {
    void Promise.reject(new Error('not awaited'));
    return new Promise(() => undefined);
  },
  exit: () => process.exit(0),
  kill: () => {
    process.kill(process.pid, 'SIGKILL');
    return new Promise(() => undefined);
  },
  nothing: () => undefined,
  stat: (made) => ({ ...made, stat: { step: 1 } }),
  metric: (made) => ({ ...made, metric: { loss: 1 } }),
  metrics: (made) => ({ ...made, metrics: 5 }),
  loss: (made) => ({ ...made, metrics: { loss: '1' } }),
  state: (made) => ({ ...made, state: { step: () => 1 } }),
  samples: (made) => ({ ...made, samples: '3' }),
  tiny: (made) => ({ ...made, samples: 5e-324 }),
  weights: ({ samples }) => ({ samples }),
};

export async function train({ weights, options }) {
  const { fault, w, b } = options;
  if (w !== undefined) weights.w.data.fill(w);
  if (b !== undefined) weights.b.data.fill(b);
  const made = { weights, samples: 1 };
  return fault === undefined ? made : await FAULTS[fault](made);
}

export function bnUpdate({ weights, options }) {
  if (options.bnFault === 'throw') throw new RangeError('no batches');
  weights.w.data[1] = Infinity;
  return weights;
}

export function evaluate({ options }) {
  if (options.scoreFault === 'throw') throw new Error('no held-out data');
  return 1;
}
