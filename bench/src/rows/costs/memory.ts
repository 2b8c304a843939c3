// Bytes a weight of float32, beside the live weights: each setting of each backend in a process of
// its own.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Cost } from './cost.js';

/** The backends and modes that are measured. */
export type ModeName =
  | 'cpu:wasm'
  | 'cpu:js'
  | 'tfjs cpu'
  | 'tfjs wasm'
  | 'tfjs tensorflow'
  | 'onnx cpu'
  | 'gpujs cpu'
  | 'gpujs webasm';

/** What averages. */
export type SettingName = 'equal' | 'compensated' | 'window' | 'SWAG';

/** What a process holds, in bytes a weight. */
export interface Held {
  /** Of the resident set, between two updates. */
  readonly resident: number;
  /** Of the arrays that V8 knows of, which WebAssembly memory is not one of. */
  readonly arrays: number;
  /** Of the resident set, at most during an update. */
  readonly peak: number;
  /** What a swap adds. */
  readonly loan?: number;
}

/** The models of the window, and the deviations of SWAG. */
export const [WINDOW, RANK] = [3, 5];

/** The average, and the second array that the next update writes its results to. */
const [AVERAGE, SECOND] = [4, 4];
const RESIDUAL = AVERAGE + SECOND;
const LIVE_COPY = 4;

/**
 * What the design says about each setting between two updates. What is measured may be more where a
 * runtime keeps the memory of temporaries for later.
 */
const COMPUTED: Readonly<Record<SettingName, number>> = {
  equal: AVERAGE + SECOND,
  compensated: AVERAGE + SECOND + RESIDUAL,
  window: AVERAGE + SECOND + WINDOW * LIVE_COPY,
  SWAG: 16 + 4 * RANK,
};
const SETTINGS = Object.keys(COMPUTED) as readonly SettingName[];

/**
 * The memory of every setting of some modes.
 *
 * @param modes - those that run here
 */
export async function memoryCosts(modes: readonly ModeName[]): Promise<readonly Cost[]> {
  const costs: Cost[] = [];
  for (const mode of modes) {
    // SWAG keeps everything in host memory, whatever the backend.
    const settings = mode === 'cpu:wasm' ? SETTINGS : SETTINGS.filter((name) => name !== 'SWAG');
    for (const setting of settings)
      costs.push(...costsOf(mode, setting, await heldBy(mode, setting)));
  }
  return costs;
}

function costsOf(mode: ModeName, setting: SettingName, held: Held): readonly Cost[] {
  const swapsByReference = mode.startsWith('tfjs') || mode.startsWith('onnx');
  const cost = (part: string, value: number, computed?: number): Cost => ({
    work: 'memory',
    name: `${mode}, ${NAMES[setting]}: ${part}`,
    unit: 'bytes a weight',
    value,
    ...(computed !== undefined && { computed }),
  });
  return [
    cost('between updates', held.resident, COMPUTED[setting]),
    cost('of that, arrays outside WebAssembly', held.arrays),
    cost('during an update, at most', held.peak),
    ...(held.loan === undefined
      ? []
      : [cost('added by a swap', held.loan, swapsByReference ? 0 : LIVE_COPY)]),
  ];
}

const NAMES: Readonly<Record<SettingName, string>> = {
  equal: 'equal()',
  compensated: 'compensated',
  window: `lastK(${WINDOW})`,
  SWAG: `SWAG of rank ${RANK}`,
};

async function heldBy(mode: ModeName, setting: SettingName): Promise<Held> {
  const script = fileURLToPath(new URL('memory-child.ts', import.meta.url));
  const child = fork(script, [mode, setting], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(message as Held));
    child.once('exit', (code) =>
      reject(new Error(`The memory of ${mode}, ${setting}: the process ended with ${code}.`)),
    );
  });
}
