// What our own packages need of core and no user does. The parameter set will replace most of it.
export { halfBits, halfValue } from './half.js';
export { isHalf } from './tensor.js';
