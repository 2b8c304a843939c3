// Options of a wrong form are refused: they would be ignored.
import { cpuBackend, inPlaceCpuBackend } from '@polyak/backend-cpu';
import { hostKernels } from '@polyak/backend-cpu/host';
import { expect, it } from 'vitest';

it.each<[string, (options: never) => unknown]>([
  ['cpuBackend', cpuBackend],
  ['inPlaceCpuBackend', inPlaceCpuBackend],
  ['hostKernels', hostKernels],
])('%s refuses options that it would ignore', (name, make) => {
  const calls: [unknown, string][] = [
    ['js', `TypeError: ${name}: the options are "js". Expected { kernel }.`],
    [null, `TypeError: ${name}: the options are null. Expected { kernel }.`],
    [{ engine: 'js' }, `TypeError: ${name}: there is no option "engine". Expected { kernel }.`],
    [{ kernel: 'JS' }, `RangeError: ${name}: kernel is "JS", expected "wasm" or "js".`],
  ];
  for (const [options, message] of calls) {
    let error: unknown;
    try {
      make(options as never);
    } catch (thrown) {
      error = thrown;
    }
    expect(String(error)).toBe(message);
  }
});
