// A process of its own that trains, and may be killed.
import { train } from './train.js';
import type { Training } from './train.js';

await train(JSON.parse(process.argv[2] ?? '') as Training, () => process.stdout.write('begin\n'));
process.exit(0); // tfjs's workers keep the process open
