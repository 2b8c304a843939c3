// Files that a layout describes, written from tensors in memory.
import type { OutputLayout } from '@polyak/checkpoints';
import type { HostTensor } from '@polyak/safetensors';

/** The bytes of each file of a layout. */
export function written(
  { files }: OutputLayout,
  tensors: Readonly<Record<string, HostTensor>>,
): ReadonlyMap<string, Uint8Array> {
  return new Map(
    files.map(({ name, pieces }) => {
      const parts = pieces.map((piece) => {
        if (piece.kind === 'bytes') return piece.bytes;
        const data = piece.kind === 'tensor' ? tensors[piece.name]?.data : undefined;
        if (data?.byteLength !== piece.byteLength) throw new Error(`a wrong piece of ${name}`);
        return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      });
      return [name, Uint8Array.from(parts.flatMap((part) => [...part]))];
    }),
  );
}
