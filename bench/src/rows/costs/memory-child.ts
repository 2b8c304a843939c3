// What averaging holds in one process, which memory.ts starts: bytes a weight beyond the live
// weights, sent to the parent.
import { existsSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { observedOptimizer, SWA } from '@polyak/core';
import type { Backend, Optimizer, Parameter } from '@polyak/core/interfaces';
import { lastK } from '@polyak/core/rules';
import { SWAG } from '@polyak/ensemble';
import { fill, filled } from '../shared/arrays.js';
import type { Mode } from '../shared/mode.js';
import type { Held, ModeName, SettingName } from './memory.js';
import { RANK, WINDOW } from './memory.js';

const ELEMENTS = 10_000_000;
const UPDATES = 8;

type ModeOf = (use: <T>(mode: Mode<T>) => Promise<Held>) => Promise<Held>;

/** Imports one runtime only. */
const MODES: Readonly<Record<ModeName, ModeOf>> = {
  'cpu:wasm': async (use) => use((await import('../cpu.js')).cpuMode('wasm')),
  'cpu:js': async (use) => use((await import('../cpu.js')).cpuMode('js')),
  'tfjs cpu': async (use) => use((await import('../tfjs.js')).tfjsMode('cpu')),
  'tfjs wasm': async (use) => use((await import('../tfjs.js')).tfjsMode('wasm')),
  'tfjs tensorflow': async (use) => use((await import('../tfjs.js')).tfjsMode('tensorflow')),
  'onnx cpu': async (use) => use((await import('../onnx.js')).onnxCpuMode()),
  'gpujs cpu': async (use) => use((await import('../gpujs.js')).gpujsMode('cpu').mode),
  'gpujs webasm': async (use) => use((await import('../gpujs.js')).gpujsMode('webasm').mode),
};

/** What averages the live weights. */
interface Averaging {
  update(): Promise<unknown>;
  /** Puts averages into the model. */
  swap?(): Promise<unknown>;
}

type AveragingOf = <T>(params: readonly Parameter<T>[], backend: Backend<T>) => Averaging;

const SETTINGS: Readonly<Record<SettingName, AveragingOf>> = {
  equal: (params, backend) => averagingBy(new SWA(optimizerOf(params), { backend })),
  compensated: (params, backend) =>
    averagingBy(new SWA(optimizerOf(params), { backend, compensated: true })),
  window: (params, backend) =>
    averagingBy(new SWA(optimizerOf(params), { backend, rule: lastK(WINDOW) })),
  SWAG(params, backend) {
    const swag = new SWAG(params, { backend, rank: RANK });
    return { update: () => swag.collect() };
  },
};

function optimizerOf<T>(params: readonly Parameter<T>[]): Optimizer<T> {
  return observedOptimizer([{ params, lr: 0.1 }]);
}

function averagingBy<T>(swa: SWA<T>): Averaging {
  return { update: () => swa.updateSwa(), swap: () => swa.swapSwaSgd() };
}

const [mode, setting] = process.argv.slice(2) as [ModeName, SettingName];
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const held = await MODES[mode](measured);
process.send?.(held, () => process.exit());

async function measured<T>(of: Mode<T>): Promise<Held> {
  const { backend, live } = await of.open();
  const arrays = filled([ELEMENTS], 1);
  const { parameters, refresh } = await live(arrays);
  const step = async (value: number): Promise<void> => {
    fill(arrays, value);
    await refresh();
  };
  await step(2);
  const before = await memory();
  const averaging = SETTINGS[setting](parameters, backend);
  for (let update = 0; update < UPDATES; update += 1) {
    await step(update);
    await averaging.update();
  }
  const between = await memory();
  await step(UPDATES);
  resetPeak();
  await averaging.update();
  const peak = process.resourceUsage().maxRSS * 1024;
  // In, out and in: the first swap also reads back what the model holds.
  for (let swap = 0; swap < 3; swap += 1) await averaging.swap?.();
  const swapped = await memory();
  const perWeight = (bytes: number): number => bytes / ELEMENTS;
  return {
    resident: perWeight(between.resident - before.resident),
    arrays: perWeight(between.arrays - before.arrays),
    peak: perWeight(peak - before.resident),
    ...(averaging.swap !== undefined && {
      loan: perWeight(swapped.resident - between.resident),
    }),
  };
}

interface Memory {
  readonly resident: number;
  readonly arrays: number;
}

async function memory(): Promise<Memory> {
  // What the last call refers to is free only after a while.
  for (let round = 0; round < 2; round += 1) {
    await sleep(100);
    collectGarbage();
  }
  const { rss, arrayBuffers } = process.memoryUsage();
  return { resident: rss, arrays: arrayBuffers };
}

/** Linux forgets the largest resident set; elsewhere the peak is that since the process began. */
function resetPeak(): void {
  const file = '/proc/self/clear_refs';
  if (existsSync(file)) writeFileSync(file, '5');
}
