// An update by SWA beside the ways in which PyTorch users make one.
import type { TorchWork } from '../torch/python.js';
import { TorchProcess } from '../torch/python.js';
import type { Row } from '../row.js';
import { hostSwa } from './host-swa.js';
import { fill, filled } from './shared/arrays.js';
import { SIZES } from './shared/sizes.js';
import type { Size } from './shared/sizes.js';

/** By the largest size that each is measured at: more of the slower ones takes minutes. */
const PEERS: readonly { work: TorchWork; name: string; upTo: number }[] = [
  { work: 'foreach_lerp', name: 'torch._foreach_lerp_', upTo: 100_000_000 },
  { work: 'averaged_model', name: 'AveragedModel', upTo: 10_000_000 },
  { work: 'torchcontrib', name: 'torchcontrib', upTo: 10_000_000 },
];
const THREADS = [1, 2];
/** The ratios to `_foreach_lerp_` on one thread. */
const TARGETS: readonly { tensors: number; elements: number; target: number }[] = [
  { tensors: 1, elements: 10_000_000, target: 1.6 },
  { tensors: 160, elements: 100_000, target: 0.8 },
];

/**
 * `SWA.updateSwa` over ordinary arrays, with its check for NaN, beside PyTorch's updates, which
 * check nothing.
 *
 * @throws Skipped where there is no Python with torch
 */
export async function torchRows(): Promise<readonly Row[]> {
  const torch = await TorchProcess.start();
  return PEERS.flatMap(({ work, name, upTo }) =>
    THREADS.flatMap((threads) =>
      SIZES.filter(({ elements }) => elements <= upTo).map((size) =>
        rowOf(torch, work, name, threads, size),
      ),
    ),
  );
}

function rowOf(
  torch: TorchProcess,
  work: TorchWork,
  peer: string,
  threads: number,
  { elements, lengths }: Size,
): Row {
  const tensors = lengths.length;
  const target =
    work === 'foreach_lerp' && threads === 1
      ? TARGETS.find((each) => each.tensors === tensors && each.elements === elements)?.target
      : undefined;
  return {
    work: 'update',
    name: 'cpu, SWA.updateSwa',
    tensors,
    elements,
    against: `${peer}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`,
    isPeer: true,
    bytesPerElement: 12,
    note: `PyTorch ${torch.version} checks nothing, and overwrites the average.`,
    ...(target !== undefined && { target }),
    async prepare() {
      const arrays = filled(lengths, 1);
      const swa = hostSwa(arrays);
      await swa.updateSwa();
      fill(arrays, 2);
      return {
        variant: () => swa.updateSwa(),
        reference: torch.operation(work, lengths, threads),
        release: () => swa.dispose(),
      };
    },
  };
}
