// What importing a part costs an application, in bytes.
import { gzipSync } from 'node:zlib';
import { bundled } from './bundle.js';
import type { Cost } from './cost.js';

const PARTS: Readonly<Record<string, string>> = {
  'equal()': "export { equal } from '@polyak/core/rules';",
  'cosineAnnealingLr()': "export { cosineAnnealingLr } from '@polyak/schedules';",
  'SWA on the CPU backend':
    "export { observedOptimizer, SWA } from '@polyak/core';" +
    "export { cpuBackend, parameter } from '@polyak/backend-cpu';",
};

/** The size of each part, minified and compressed. */
export async function bundleCosts(): Promise<readonly Cost[]> {
  const costs: Cost[] = [];
  for (const [name, code] of Object.entries(PARTS)) {
    const bytes = Buffer.from(await bundled(code));
    const cost = { work: 'bundle', unit: 'bytes' } as const;
    costs.push(
      { ...cost, name: `${name}, minified`, value: bytes.length },
      { ...cost, name: `${name}, gzip`, value: gzipSync(bytes, { level: 9 }).length },
    );
  }
  return costs;
}
