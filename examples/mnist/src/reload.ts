// A new process that knows only what the demo saved: scores the averaged model, and the averages of the SWA state.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { modelParameters, tfjsBackend, tfjsOptimizer } from '@polyak/backend-tfjs';
import { bnUpdate, fromSafetensors, SWA } from '@polyak/core';

import { batchNormOf } from './batch-norm.js';
import { loadModel } from './model-files.js';
import { createNetwork } from './network.js';
import { loadProblem, momentum } from './problem.js';
import type { BackendName } from './run.js';
import { loadRuntime } from './runtime.js';
import { scoreModel } from './score.js';
import { files } from './train-both.js';

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
const { tf } = await loadRuntime(request.backend, () => {});
const problem = await loadProblem(request.seed, request.trainImages);

const saved = await loadModel(tf, join(request.output, files.model));
const model = (await scoreModel(tf, saved, problem.test)).accuracy;

// Another seed: everything but the averages must come from the state.
const network = createNetwork(tf, request.seed + 1);
const optimizer = tf.train.momentum(1, momentum);
const swa = new SWA(tfjsOptimizer(tf, optimizer, modelParameters(network)), { backend: tfjsBackend(tf) });
await swa.loadStateDict(fromSafetensors(await readFile(join(request.output, files.state))));
await swa.swapSwaSgd();
const batchNorm = batchNormOf(tf, network, problem.train);
await bnUpdate(batchNorm.loader, batchNorm.model);
const state = (await scoreModel(tf, network, problem.test)).accuracy;

process.stdout.write(JSON.stringify({ model, state } satisfies ReloadAnswer));
