// Fails where the built site has a link that leads nowhere.
import process from 'node:process';
import { deadLinks } from './dead-links.js';
import { SITE } from './site.js';

const dead = deadLinks(SITE);
for (const link of dead) console.error(`Dead link: ${link}`);
if (dead.length > 0) process.exitCode = 1;
