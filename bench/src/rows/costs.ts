// Costs that are no ratios of two times in one process: memory, start of a process, bundle size.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bundleCosts } from './costs/bundle-size.js';
import type { Cost } from './costs/cost.js';
import { memoryCosts } from './costs/memory.js';
import type { ModeName } from './costs/memory.js';
import { saveMemoryCosts } from './costs/save-memory.js';
import { startUpCosts } from './costs/start-up.js';

const MODES: readonly ModeName[] = [
  'cpu:wasm',
  'cpu:js',
  'tfjs cpu',
  'tfjs wasm',
  'onnx cpu',
  'gpujs cpu',
  'gpujs webasm',
];

/** Where `pnpm tensorflow:native` has built it. */
const TENSORFLOW = fileURLToPath(
  new URL('../../../.tensorflow-native/node_modules', import.meta.url),
);

/** All costs, measured. It takes about two minutes and a gigabyte. */
export async function measureCosts(): Promise<readonly Cost[]> {
  const native: readonly ModeName[] = existsSync(TENSORFLOW) ? ['tfjs tensorflow'] : [];
  return [
    ...(await memoryCosts([...MODES, ...native])),
    ...(await saveMemoryCosts()),
    ...(await startUpCosts()),
    ...(await bundleCosts()),
  ];
}
