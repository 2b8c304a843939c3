// Every public function that takes options refuses those that it does not have: an option that is
// spelt wrong would otherwise be ignored.
import { readdir, readFile } from 'node:fs/promises';
import * as tf from '@tensorflow/tfjs';
import gpujs from 'gpu.js';
import * as ort from 'onnxruntime-node';
import { cpuBackend, inPlaceCpuBackend, parameter } from '@polyak/backend-cpu';
import { hostKernels } from '@polyak/backend-cpu/host';
import * as gpu from '@polyak/backend-gpujs';
import * as onnx from '@polyak/backend-onnx';
import * as tfjs from '@polyak/backend-tfjs';
import * as checkpoints from '@polyak/checkpoints';
import * as inspect from '@polyak/checkpoints/inspect';
import * as methods from '@polyak/checkpoints/methods';
import * as names from '@polyak/checkpoints/names';
import * as node from '@polyak/checkpoints/node';
import { runMergePart } from '@polyak/checkpoints/parts';
import { CheckpointFolder } from '@polyak/checkpoints/saving';
import * as core from '@polyak/core';
import { backendConformance } from '@polyak/core/conformance';
import { checkEmbedding } from '@polyak/core/embedding';
import { importAverage } from '@polyak/core/interop';
import * as rules from '@polyak/core/rules';
import * as ensemble from '@polyak/ensemble';
import * as safetensors from '@polyak/safetensors';
import * as schedules from '@polyak/schedules';
import * as cyclic from '@polyak/schedules/cyclic';
import { describe, expect, it } from 'vitest';

/** A call with `wrong` among its options. */
type Call = (wrong: never) => unknown;

const weight = { dtype: 'float32', shape: [1], data: Float32Array.of(1) } as const;
const weights = { weight };
const bytes = safetensors.encodeSafetensors(weights);
const source = safetensors.bytesSource(bytes);
const noop = (): number => 1;

const backend = cpuBackend();
const place = parameter('weight', weight);
const averaged = new core.AveragedModel([place], { backend });
const set = new core.ParameterSet([place], { backend });
const optimizer = core.observedOptimizer([{ params: [place], lr: 0.1 }]);
const swa = new core.SWA(optimizer, { backend });
const swag = new ensemble.SWAG([place], { backend });
const snapshots = new ensemble.Snapshots([place], { backend, store: 'host' });
const network = { layers: [], forward: noop, sampleCount: noop } as never;

const instance = new gpujs.GPU({ mode: 'cpu' }) as never;
const model = tf.sequential({ layers: [tf.layers.dense({ units: 1, inputShape: [1] })] });
model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
const sgd = tf.train.sgd(0.1);

const files = checkpoints.fromSources(new Map([['a.safetensors', source]]));
const opened = async (): Promise<checkpoints.Checkpoint> =>
  checkpoints.openCheckpoint('a.safetensors', files);
const folder = new CheckpointFolder(node.fileStore('/nowhere'), { maxToKeep: 1 });
const plan = async (): Promise<checkpoints.MergePlan> =>
  checkpoints.planMerge([await opened()], 'b.safetensors', { method: checkpoints.mean(1) });

/** The calls by API report and name. */
const CALLS: Readonly<Record<string, Call>> = {
  'backend-cpu cpuBackend': cpuBackend,
  'backend-cpu inPlaceCpuBackend': inPlaceCpuBackend,
  'backend-cpu-host hostKernels': hostKernels,
  'backend-gpujs batchNorm': (wrong: object) =>
    gpu.batchNorm(instance, { name: 'bn', shape: [1], ...wrong }),
  'backend-gpujs flatKernel': (wrong: object) =>
    gpu.flatKernel(instance, 'function () { return 1; }', { output: [1], ...wrong }),
  'backend-onnx averageModels': (wrong) => onnx.averageModels(ort, [], wrong),
  'backend-onnx batchNormModel': (wrong) => onnx.batchNormModel(ort, {} as never, wrong),
  'backend-onnx loadOnnxModel': (wrong) => onnx.loadOnnxModel(ort, bytes, wrong),
  'backend-onnx onnxBackend': (wrong) => onnx.onnxBackend(ort, wrong),
  'backend-onnx trainStepOptimizer': (wrong) => onnx.trainStepOptimizer(ort, bytes, wrong),
  'backend-tfjs batchNormModel': (wrong) => tfjs.batchNormModel(tf, model, wrong),
  'backend-tfjs loadTensorFlow': tfjs.loadTensorFlow,
  'backend-tfjs registerSwaOptimizer': (wrong) => tfjs.registerSwaOptimizer(tf, wrong),
  'backend-tfjs swaCallback': (wrong: object) =>
    tfjs.swaCallback(tf, model, { swaStart: 1, swaFreq: 1, ...wrong }),
  'backend-tfjs SwaOptimizer.swapSwaSgd': (wrong) =>
    tfjs.swaOptimizer(tf, sgd, { swaStart: 1, swaFreq: 1 }).swapSwaSgd(wrong),
  'backend-tfjs swaOptimizer': (wrong) => tfjs.swaOptimizer(tf, sgd, wrong),
  'checkpoints planMerge': async (wrong: object) =>
    checkpoints.planMerge([await opened()], 'b.safetensors', {
      method: checkpoints.mean(1),
      ...wrong,
    }),
  'checkpoints runMerge': async (wrong) =>
    checkpoints.runMerge(await plan(), { abandon: async () => {} } as never, wrong),
  'checkpoints weighted': (wrong) => checkpoints.weighted([1], wrong),
  'checkpoints-inspect diffCheckpoints': async (wrong) =>
    inspect.diffCheckpoints(await opened(), await opened(), wrong).next(),
  'checkpoints-inspect tensorStatistics': async (wrong) =>
    inspect.tensorStatistics(await opened(), wrong).next(),
  'checkpoints-inspect verifyCheckpoint': async (wrong: object) =>
    inspect.verifyCheckpoint(await opened(), { open: opened, ...wrong }),
  'checkpoints-methods dare': (wrong: object) => methods.dare({ density: 0.5, seed: 1, ...wrong }),
  'checkpoints-methods methodOf': (wrong) => methods.methodOf('task-arithmetic', wrong),
  'checkpoints-methods taskArithmetic': methods.taskArithmetic,
  'checkpoints-methods ties': (wrong: object) => methods.ties({ density: 0.5, ...wrong }),
  'checkpoints-names differences': (wrong) => names.differences('merge', [], wrong),
  'checkpoints-names requireFit': (wrong) => names.requireFit('merge', [], wrong),
  'checkpoints-node mergeFiles': (wrong: object) =>
    node.mergeFiles(['/a.safetensors'], '/b.safetensors', {
      method: checkpoints.mean(1),
      ...wrong,
    }),
  'checkpoints-node planMergeFiles': (wrong: object) =>
    node.planMergeFiles(['/a.safetensors'], '/b.safetensors', {
      method: checkpoints.mean(1),
      ...wrong,
    }),
  'checkpoints-node prepareOutput': (wrong) => node.prepareOutput('/nowhere/a', wrong),
  'checkpoints-node stageOutput': (wrong: object) =>
    node.stageOutput('/nowhere/a', { files: [] }, { request: {}, inputs: [], ...wrong }),
  'checkpoints-parts runMergePart': async (wrong) =>
    runMergePart(await plan(), {} as never, async () => {}, wrong),
  'checkpoints-saving CheckpointFolder.constructor': (wrong: object) =>
    new CheckpointFolder(node.fileStore('/nowhere'), { maxToKeep: 1, ...wrong }),
  'checkpoints-saving CheckpointFolder.save': (wrong) => folder.save(1, {}, wrong),
  'core AveragedModel.constructor': (wrong: object) =>
    new core.AveragedModel([place], { backend, ...wrong }),
  'core AveragedModel.dispose': (wrong) => averaged.dispose(wrong),
  'core AveragedModel.swap': (wrong) => averaged.swap(wrong),
  'core AveragedModel.withAveraged': (wrong) => averaged.withAveraged(noop, wrong),
  'core bnUpdate': (wrong) => core.bnUpdate([1], network, wrong),
  'core fromSafetensors': (wrong) => core.fromSafetensors(bytes, wrong),
  'core ParameterSet.constructor': (wrong: object) =>
    new core.ParameterSet([place], { backend, ...wrong }),
  'core ParameterSet.withCopy': (wrong) => set.withCopy([weight], noop, wrong),
  'core ParameterSet.withWeights': (wrong) => set.withWeights(weights, noop, wrong),
  'core SWA.constructor': (wrong: object) => new core.SWA(optimizer, { backend, ...wrong }),
  'core SWA.dispose': (wrong) => swa.dispose(wrong),
  'core SWA.swapSwaSgd': (wrong) => swa.swapSwaSgd(wrong),
  'core SWA.withAveraged': (wrong) => swa.withAveraged(noop, wrong),
  'core-conformance backendConformance': (wrong) => backendConformance(noop as never, wrong),
  'core-embedding checkEmbedding': (wrong: object) =>
    checkEmbedding([place], { backend, predict: () => [1], ...wrong }),
  'core-interop importAverage': async (wrong) =>
    importAverage(await swa.stateDict(), { swaState: {}, nAvg: [1] }, wrong),
  'core-rules powerWarmUp': rules.powerWarmUp,
  'ensemble chooseStart': (wrong) => ensemble.chooseStart([weights], noop, wrong),
  'ensemble fitWeights': (wrong) => ensemble.fitWeights([Float64Array.of(1)], [0], 1, wrong),
  'ensemble greedySoup': (wrong) => ensemble.greedySoup([weights], noop, wrong),
  'ensemble Snapshots.constructor': (wrong: object) =>
    new ensemble.Snapshots([place], { backend, store: 'host', ...wrong }),
  'ensemble Snapshots.withEach': (wrong) => snapshots.withEach(noop, wrong),
  'ensemble Snapshots.withMember': (wrong) => snapshots.withMember(0, noop, wrong),
  'ensemble Soup.add': (wrong) => new ensemble.Soup().add(weights, wrong),
  'ensemble Soup.remove': (wrong) => new ensemble.Soup().add(weights).remove(weights, wrong),
  'ensemble SWAG.constructor': (wrong: object) => new ensemble.SWAG([place], { backend, ...wrong }),
  'ensemble SWAG.bayesianModelAverage': (wrong) => swag.bayesianModelAverage(1, () => [1], wrong),
  'ensemble SWAG.sample': (wrong) => swag.sample(wrong),
  'ensemble SWAG.withSample': (wrong) => swag.withSample(noop, wrong),
  'safetensors decodeSafetensors': (wrong) => safetensors.decodeSafetensors(bytes, wrong),
  'safetensors layoutOf': (wrong) => safetensors.layoutOf(new Map(), {}, wrong),
  'safetensors openSafetensors': (wrong) => safetensors.openSafetensors(source, wrong),
  ...ofReport('schedules', schedules, ['sequentialLr']),
  ...ofReport('schedules-cyclic', cyclic, ['expRange', 'triangular', 'triangular2']),
  'schedules-cyclic oneCycleLr': (wrong: object) =>
    cyclic.oneCycleLr({ maxLr: 1, totalSteps: 2, ...wrong }),
};

/** All functions that a report has, but those that take no options. */
function ofReport(
  report: string,
  functions: object,
  others: readonly string[],
): Record<string, Call> {
  const calls = Object.entries(functions) as [string, Call][];
  const taken = calls.filter(([name]) => !others.includes(name));
  return Object.fromEntries(taken.map(([name, call]) => [`${report} ${name}`, call]));
}

/** Those whose calls need a model of a package's own tests, and the test. */
const IN_PACKAGES: Readonly<Record<string, string>> = {
  'backend-onnx OnnxModel.save': 'packages/backend-onnx/test/model/model-save.test.ts',
  'backend-onnx TrainStepOptimizer.checkGradients':
    'packages/backend-onnx/test/training/gradient-check.test.ts',
};

const CALLED_BY_CORE = 'core calls it, with what the interface documents';
const CHECKED_BEFORE = 'what is made of it, such as SWA, checks them under its own name';
const OF_ERRORS = 'an error that cannot be made would hide another; that of Error ignores them too';

/** Those that take options and do not check them, and why. */
const UNCHECKED: Readonly<Record<string, string>> = {
  'backend-cpu CpuBackend.average': CALLED_BY_CORE,
  'backend-cpu-host HostKernels.average': CALLED_BY_CORE,
  'core-interfaces Backend.average': CALLED_BY_CORE,
  'core-machine SWAMachine.constructor': CHECKED_BEFORE,
  'core-machine ending': CHECKED_BEFORE,
  'core-machine toggle': CHECKED_BEFORE,
  'core-kit requireOptions': 'it is the check',
  'core PolyakError.constructor': OF_ERRORS,
  'safetensors PolyakError.constructor': OF_ERRORS,
  'checkpoints-saving DirectoryHandle.getFileHandle': 'it is of the browser',
};

/**
 * Those that take none, beside others that do, with right arguments. Only `equal` has no check: it
 * would take more bytes than its limit in `tests/sizes` and `installed` leaves.
 */
const WITHOUT: readonly (readonly [string, (...given: never[]) => unknown, readonly unknown[]])[] =
  [
    ['exponential', rules.exponential, [0.9]],
    ['halfLife', rules.halfLife, [10]],
    ['debiasedExponential', rules.debiasedExponential, [0.9]],
    ['rationalWarmUp', rules.rationalWarmUp, [0.9]],
    ['saturatingWarmUp', rules.saturatingWarmUp, [0.9, 100]],
    ['powerFunction', rules.powerFunction, [2]],
    ['lastK', rules.lastK, [3]],
    ['mergeAverages', core.mergeAverages, [[{ mean: weights, weight: 1 }]]],
    ['tfjsBackend', tfjs.tfjsBackend, [tf]],
    ['gpujsBackend', gpu.gpujsBackend, [{ GPU: gpujs.GPU, mode: 'cpu' }]],
  ];

const API = new URL('../../api/', import.meta.url);

/** The functions and methods in the reports of the API that take options. */
async function takingOptions(): Promise<string[]> {
  const found = new Set<string>();
  for (const file of await readdir(API)) {
    const report = file.replace('.api.md', '');
    if (report.startsWith('fleet')) continue; // its own tests do this
    let container: string | undefined;
    for (const line of (await readFile(new URL(file, API), 'utf8')).split('\n')) {
      if (line.startsWith('}')) container = undefined;
      const [, name] = /^export (?:class|interface) (\w+)/u.exec(line) ?? [];
      container = name ?? container;
      const [, call, method, given = ''] =
        /^(?:export function (\w+)| {4}(\w+)\??)(?:<[^(]*>)?\((.*)/u.exec(line) ?? [];
      if (!/\boptions\??:|Options\b/u.test(given)) continue;
      if (call !== undefined) found.add(`${report} ${call}`);
      else if (container !== undefined) found.add(`${report} ${container}.${method}`);
    }
  }
  return [...found];
}

describe('an option that there is not', () => {
  it.each(Object.entries(CALLS))('is refused by %s', async (_, call) => {
    let caught: unknown;
    try {
      await call({ compensate: true } as never);
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(TypeError);
    expect((caught as Error).message).toMatch(/no option "?compensate"?\./u);
  });

  it.each(Object.entries(IN_PACKAGES))('is refused by %s: %s', async (_, test) => {
    const text = await readFile(new URL(`../../${test}`, import.meta.url), 'utf8');
    expect(text).toContain('there is no option');
  });

  it.each(WITHOUT)('is refused by %s, which takes none', async (name, call, given) => {
    const tried = async (...args: readonly unknown[]): Promise<unknown> =>
      call(...(args as never[]));
    await expect(tried(...given)).resolves.toBeDefined();
    const error = await tried(...given, { compensate: true }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TypeError);
    expect((error as Error).message).toMatch(
      new RegExp(`^${name}(?:: \\d arguments?, expected| takes no)`, 'u'),
    );
  });

  it('is tried with all functions that take options', async () => {
    const known = [CALLS, IN_PACKAGES, UNCHECKED].flatMap((calls) => Object.keys(calls));
    expect(known.toSorted()).toEqual((await takingOptions()).toSorted());
  });
});
