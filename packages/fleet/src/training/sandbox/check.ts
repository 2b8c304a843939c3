// A process that loads the user's module as the sandbox does, and tells its parent that it can. If
// it cannot, Node prints the error, with its place in the source, and ends the process.
import { load } from './load.js';
import { readSettings } from './settings.js';
import { endWith } from './watchdog.js';

const settings = readSettings();
endWith(settings.pid);
await load(settings);
process.send?.('loaded');
