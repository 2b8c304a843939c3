// Checkpoints in memory, whose tensors lie where a test wants them.
import type { Checkpoint, TensorPlace } from '@polyak/checkpoints';
import type { ByteSource } from '@polyak/safetensors';

/** A tensor and its bytes. */
export interface Held {
  readonly dtype: TensorPlace['dtype'];
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
  /** Unused bytes before it. */
  readonly gap?: number;
}

/** A tensor of the elements of an array. */
export function held(
  dtype: TensorPlace['dtype'],
  array: ArrayBufferView,
  shape?: readonly number[],
  gap = 0,
): Held {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  const count = (array as Float32Array).length;
  return { dtype, shape: shape ?? [count], bytes, gap };
}

/** A checkpoint of one file. Its reads are counted, and are never synchronous. */
export function memoryCheckpoint(
  name: string,
  tensors: Readonly<Record<string, Held>>,
): Checkpoint & { readonly reads: number[] } {
  const places = new Map<string, TensorPlace>();
  let size = 0;
  for (const [tensor, { dtype, shape, bytes, gap = 0 }] of Object.entries(tensors)) {
    size += gap;
    places.set(tensor, { dtype, shape, file: 0, begin: size, byteLength: bytes.byteLength });
    size += bytes.byteLength;
  }
  const file = new Uint8Array(size);
  for (const [tensor, { begin }] of places) {
    file.set(tensors[tensor]?.bytes ?? new Uint8Array(), begin);
  }
  const reads: number[] = [];
  const source: ByteSource = {
    size,
    read: (offset, length) => {
      reads.push(length);
      return Promise.resolve(file.slice(offset, offset + length));
    },
  };
  return {
    name,
    format: 'safetensors',
    files: [{ name, source }],
    tensors: places,
    metadata: {},
    layout: () => Promise.reject(new Error('not in tests')),
    close: () => Promise.resolve(),
    reads,
  };
}

/** All that a generator yields. */
export async function all<Row>(rows: AsyncIterable<Row>): Promise<Row[]> {
  const found: Row[] = [];
  for await (const row of rows) found.push(row);
  return found;
}
