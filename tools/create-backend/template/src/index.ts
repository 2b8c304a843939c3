export type { TemplateBackend } from './backend.js';
export { templateBackend } from './backend.js';
export { templateParameter } from './parameter.js';
export type { TemplateTensor } from './tensor.js';
