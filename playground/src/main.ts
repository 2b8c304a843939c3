// The live page alone.
import { mount } from './index.js';

const main = document.querySelector('main');
if (main !== null) mount(main);
