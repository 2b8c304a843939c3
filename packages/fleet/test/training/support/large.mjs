// A module whose weights are large, and which tells how much memory its process had at most.
import { appendFileSync } from 'node:fs';

export function train({ worker, options }) {
  const data = new Float32Array(options.length).map((_, i) => Math.sin(i) + worker / 8);
  return { weights: { w: { dtype: 'float32', shape: [data.length], data } }, samples: 1 };
}

export function evaluate({ weights, options }) {
  appendFileSync(options.log, `${process.resourceUsage().maxRSS}\n`);
  return -Math.abs(weights.w.data[0] - 1.45);
}
