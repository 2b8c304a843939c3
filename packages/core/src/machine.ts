// The state machine of SWA, for optimizers whose callers cannot wait. Internal to Polyak's
// packages: it is not in the API reference, and may change in any version.
export type { RunningAverage } from './averaging/running-average.js';
export { averaged, tensorsOf, withTensors } from './averaging/running-average.js';
export { ending, toggle } from './averaging/show.js';
export { driveSync } from './steps/steps.js';
export type { Steps } from './steps/steps.js';
export { SWAMachine } from './swa/machine.js';
