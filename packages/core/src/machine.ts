// The state machine behind SWA, for optimizers of runtimes that cannot wait.
export { toggle } from './averaging/show.js';
export { driveSync } from './steps/steps.js';
export type { Steps } from './steps/steps.js';
export { SWAMachine } from './swa/machine.js';
