// A small output in the tests of files: its layout, and a writer that stands for the engine.
import type { OutputLayout, OutputSink, Piece } from '@polyak/checkpoints';

/** A layout of files with so many bytes each. */
export function layoutOf(files: Readonly<Record<string, number>>): OutputLayout {
  return {
    files: Object.entries(files).map(([name, byteLength]) => {
      const tensor: Piece = { kind: 'tensor', name, byteLength: byteLength - 4 };
      return { name, pieces: [{ kind: 'bytes', bytes: new TextEncoder().encode('head') }, tensor] };
    }),
  };
}

/** The bytes of a file: they differ from file to file and from seed to seed. */
export function contentsOf(name: string, byteLength: number, seed: number): Uint8Array {
  let state = (name.length * 31 + name.charCodeAt(name.length - 5) + seed) >>> 0;
  return Uint8Array.from({ length: byteLength }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  });
}

/** Writes the files in units, with a checkpoint after each, from where `progress` says. */
export async function writeUnits(
  sink: OutputSink & { readonly progress: unknown },
  files: Readonly<Record<string, number>>,
  { seed, unit }: { readonly seed: number; readonly unit: number },
): Promise<void> {
  const units = Object.entries(files).flatMap(([name, byteLength]) => {
    const bytes = contentsOf(name, byteLength, seed);
    return Array.from({ length: Math.ceil(byteLength / unit) }, (_, index) => ({
      name,
      begin: index * unit,
      bytes: bytes.subarray(index * unit, (index + 1) * unit),
    }));
  });
  const done = sink.progress === undefined ? 0 : Number(sink.progress);
  for (const [index, { name, begin, bytes }] of units.entries()) {
    if (index < done) continue;
    await sink.write(name, begin, bytes);
    await sink.checkpoint(index + 1);
  }
}
