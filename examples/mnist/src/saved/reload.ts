// A new process that knows only what the demo saved: scores the averaged model, and the averages of
// the SWA state.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { bnUpdate, fromSafetensors, SWA } from '@polyak/core';

import { loadProblem } from '../data/problem.js';
import type { BackendName } from '../run.js';
import { loadRuntime } from '../runtime/runtime.js';
import { stateFile } from '../training/train-both.js';

/** What the new process is told, and what it answers: one line of JSON each. */
export interface ReloadRequest {
  readonly output: string;
  readonly backend: BackendName;
  readonly seed: number;
  readonly trainImages: number;
}

/** The accuracies that the new process finds. */
export interface ReloadAnswer {
  readonly model: number;
  readonly state: number;
}

const request = JSON.parse(process.argv[2] ?? '') as ReloadRequest;
const runtime = await loadRuntime(request.backend, () => {});
const problem = await loadProblem(request.seed, request.trainImages);

const saved = await runtime.loadModel(join(request.output, runtime.modelName));
const model = (await saved.score(problem.test)).accuracy;

// Another seed and rate: everything but the averages must come from the state.
const network = await runtime.createNetwork(request.seed + 1, 1);
const swa = new SWA(network.optimizer, { backend: runtime.backend });
const file = await readFile(join(request.output, stateFile));
await swa.loadStateDict(fromSafetensors(file, { copy: false }));
await swa.swapSwaSgd();
const batchNorm = network.batchNorm(problem.train);
await bnUpdate(batchNorm.loader, batchNorm.model);
const state = (await network.score(problem.test)).accuracy;

process.stdout.write(JSON.stringify({ model, state } satisfies ReloadAnswer));
