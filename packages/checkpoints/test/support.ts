// Checkpoints and outputs in memory.
import type {
  Checkpoint,
  LayoutRequest,
  OutputLayout,
  OutputSink,
  TensorPlace,
} from '@polyak/checkpoints';
import type { HostTensor } from '@polyak/core/interfaces';
import { arrayOf } from '@polyak/core/interfaces';

/** A checkpoint of one file, in which `gap` bytes lie before each tensor. */
export function checkpointOf(
  name: string,
  tensors: Readonly<Record<string, HostTensor>>,
  { gap = 0 }: { readonly gap?: number } = {},
): Checkpoint {
  const places = new Map<string, TensorPlace>();
  let filled = 0;
  for (const [key, { dtype, shape, data }] of Object.entries(tensors)) {
    filled += gap;
    const { byteLength } = data;
    places.set(key, { dtype, shape, file: 0, begin: filled, byteLength });
    filled += byteLength;
  }
  const bytes = new Uint8Array(filled).fill(0xaa);
  for (const [key, { data }] of Object.entries(tensors)) {
    const view = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    bytes.set(view, places.get(key)?.begin ?? 0);
  }
  const source = {
    size: filled,
    read: (offset: number, length: number) => bytes.slice(offset, offset + length),
  };
  return {
    name,
    format: 'safetensors',
    files: [{ name, source }],
    tensors: places,
    metadata: {},
    layout: (request) => Promise.resolve(layoutOf(request, gap)),
    close: () => Promise.resolve(),
  };
}

function layoutOf({ name, tensors }: LayoutRequest, gap: number): OutputLayout {
  const pieces = [...tensors].flatMap(([tensor, { dtype, shape }]) => {
    const size = arrayOf(dtype as HostTensor['dtype']).BYTES_PER_ELEMENT;
    const byteLength = shape.reduce((product, extent) => product * extent, size);
    const bytes = new Uint8Array(gap).fill(0xbb);
    return [
      { kind: 'bytes', bytes } as const,
      { kind: 'tensor', name: tensor, byteLength } as const,
    ];
  });
  return { files: [{ name, pieces }] };
}

/** An output in memory. */
export class MemorySink implements OutputSink {
  readonly bytes: Uint8Array;
  readonly checkpoints: unknown[] = [];
  state: 'open' | 'published' | 'abandoned' = 'open';

  constructor(byteLength: number) {
    this.bytes = new Uint8Array(byteLength);
  }

  async write(_file: string, position: number, bytes: Uint8Array): Promise<void> {
    // As a file does, the bytes are taken some time after the call.
    await new Promise((resolve) => setImmediate(resolve));
    this.bytes.set(bytes, position);
  }

  checkpoint(progress: unknown): Promise<void> {
    this.checkpoints.push(JSON.parse(JSON.stringify(progress)));
    return Promise.resolve();
  }

  publish(): Promise<void> {
    this.state = 'published';
    return Promise.resolve();
  }

  abandon(): Promise<void> {
    this.state = 'abandoned';
    return Promise.resolve();
  }
}
