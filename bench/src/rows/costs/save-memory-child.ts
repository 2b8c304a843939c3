// Saves a state of 100M weights once, and sends how far that raised the peak of memory, by the
// bytes of the state. Started by save-memory.ts.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { averagedSWA, SAVES } from '../files.js';
import type { SaveName } from '../files.js';

const SIZE = { elements: 100_000_000, tensors: 160 };

const save = SAVES[process.argv[2] as SaveName];
const swa = await averagedSWA(SIZE);
const folder = await mkdtemp(join(tmpdir(), 'polyak-bench-'));
const before = process.resourceUsage().maxRSS;
await save(swa, join(folder, 'state'));
const kibibytes = process.resourceUsage().maxRSS - before;
await rm(folder, { recursive: true });
process.send?.((kibibytes * 1024) / (4 * SIZE.elements), () => process.exit());
