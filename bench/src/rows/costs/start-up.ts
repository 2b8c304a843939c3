// The CPU time of whole processes, as ratios to that of an empty script: importing a package, and
// everything up to the first update.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { compiled } from './bundle.js';
import type { Cost } from './cost.js';

const PAIRS = 15;
/** Bundlers and Node look for packages here. */
const MODULES = fileURLToPath(new URL('../../../node_modules/', import.meta.url));

const PACKAGES = [
  '@polyak/core',
  '@polyak/backend-cpu',
  '@polyak/backend-tfjs',
  '@polyak/backend-onnx',
  '@polyak/backend-gpujs',
  '@polyak/safetensors',
  '@polyak/schedules',
  '@polyak/ensemble',
];

/** Live weights of a runtime, and what averages them. */
interface Beginning {
  readonly live: string;
  readonly averaging: string;
}

const BEGINNINGS: Readonly<Record<string, Beginning>> = {
  'cpu:wasm': {
    live: 'const data = new Float32Array(100_000).fill(1);',
    averaging: `import { cpuBackend, parameter } from '@polyak/backend-cpu';
      const params = [parameter('weight', { dtype: 'float32', shape: [100_000], data })];
      const backend = cpuBackend();`,
  },
  ...Object.fromEntries(
    ['cpu', 'wasm'].map((name) => [
      `tfjs ${name}`,
      {
        live: `import * as tf from '@tensorflow/tfjs';
          import '@tensorflow/tfjs-backend-wasm';
          await tf.setBackend('${name}');
          const weight = tf.variable(tf.ones([100_000]));`,
        averaging: `import { tfjsBackend, variableParameters } from '@polyak/backend-tfjs';
          const params = variableParameters({ weight });
          const backend = tfjsBackend(tf);`,
      },
    ]),
  ),
  'onnx cpu': {
    live: `import * as ort from 'onnxruntime-node';
      const weight = new ort.Tensor('float32', new Float32Array(100_000).fill(1), [100_000]);`,
    averaging: `import { onnxBackend, onnxParameter } from '@polyak/backend-onnx';
      const params = [onnxParameter('weight', weight)];
      const backend = await onnxBackend(ort);`,
  },
  ...Object.fromEntries(
    ['cpu', 'webasm'].map((mode) => [
      `gpujs ${mode}`,
      {
        live: `import gpujs from 'gpu.js';
          const gpu = new gpujs.GPU({ mode: '${mode}' });
          const data = new Float32Array(100_000).fill(1);`,
        averaging: `import { gpujsBackend, gpujsParameter } from '@polyak/backend-gpujs';
          const params = [gpujsParameter('weight', data)];
          const backend = await gpujsBackend(gpu);`,
      },
    ]),
  ),
};

const UPDATE = `import { observedOptimizer, SWA } from '@polyak/core';
  const swa = new SWA(observedOptimizer([{ params, lr: 0.1 }]), { backend });
  await swa.updateSwa();`;

// The CPU time since the process began. Runtimes leave threads and timers behind.
const REPORT = `const { user, system } = process.cpuUsage();
  process.stdout.write('\\n' + (user + system));
  process.exit();`;

/** Import times, and times to the first update. */
export async function startUpCosts(): Promise<readonly Cost[]> {
  const folder = await mkdtemp(join(MODULES, '.costs-'));
  try {
    return await costsIn(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function costsIn(folder: string): Promise<readonly Cost[]> {
  let count = 0;
  const script = async (code: string): Promise<string> =>
    compiled(`${code}\n${REPORT}`, join(folder, `${(count += 1)}`));
  const empty = await script('');
  const costs: Cost[] = [];
  for (const name of PACKAGES) {
    const imported = await script(`import * as all from '${name}'; globalThis.all = all;`);
    costs.push(await costOf('import', name, 'an empty script', imported, empty));
  }
  for (const [name, { live, averaging }] of Object.entries(BEGINNINGS)) {
    const alone = await script(`${live} globalThis.live = typeof data + typeof weight;`);
    const updated = await script(`${live}\n${averaging}\n${UPDATE}`);
    costs.push(
      await costOf('first update', name, 'an empty script', updated, empty),
      await costOf('first update', name, 'its runtime and live weights', updated, alone),
    );
  }
  return costs;
}

async function costOf(
  work: string,
  name: string,
  against: string,
  script: string,
  reference: string,
): Promise<Cost> {
  const ratios: number[] = [];
  for (let pair = 0; pair < PAIRS; pair += 1) {
    ratios.push((await timeOf(script)) / (await timeOf(reference)));
  }
  ratios.sort((a, b) => a - b);
  const quantile = (fraction: number): number => ratios[Math.round(fraction * (PAIRS - 1))] ?? NaN;
  return {
    work,
    name,
    unit: `times ${against}`,
    value: quantile(0.5),
    quartiles: [quantile(0.25), quantile(0.75)],
  };
}

const run = promisify(execFile);

async function timeOf(script: string): Promise<number> {
  const { stdout } = await run(process.execPath, [script]);
  return Number(stdout.slice(stdout.lastIndexOf('\n')));
}
