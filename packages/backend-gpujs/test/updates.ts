// One update of a list of averages by one weight, as most tests make it.
import type { GpujsBackend, GpujsTensor } from '@polyak/backend-gpujs';

/**
 * The averages moved towards the live tensors.
 *
 * @param averages - consumed
 */
export async function moved(
  backend: GpujsBackend,
  averages: readonly GpujsTensor[],
  live: readonly GpujsTensor[],
  weight: number,
): Promise<readonly GpujsTensor[]> {
  const items = averages.map((average, n) => ({ average, live: live[n] as GpujsTensor, weight }));
  const result = await backend.average(items);
  if (result.kind === 'averaged') return result.items.map(({ average }) => average);
  throw new Error(`Refused: ${result.nonFinite.join()}.`);
}

/** Deletes textures that a test has made. */
export function deleteTextures(tensors: readonly GpujsTensor[]): void {
  for (const { data } of tensors) if ('delete' in data) data.delete();
}
