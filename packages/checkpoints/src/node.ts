export type { InputState } from './files/plan.js';
export { inputStates } from './files/plan.js';
export { writeFileAtomic } from './files/replace-file.js';
export type { ReplaceOptions } from './files/resume.js';
export { prepareOutput } from './files/resume.js';
export type { StagedOutput, StageOptions } from './files/stage.js';
export { stageOutput } from './files/stage.js';
