export { mount } from './page/mount.js';
