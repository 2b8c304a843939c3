// Updates of averages in host memory, in runs of a few elements: ORT copies every output into a new
// array, which for small runs stays in the cache.
import { arrayOf } from '@polyak/core';
import type { HostArray } from '@polyak/core';
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Chunk } from './chunks.js';
import { chunksOf } from './chunks.js';
import type { OnnxDType } from '../dtype.js';
import { elementsOf, tensorOver } from '../dtype.js';
import { moved } from './host-arithmetic.js';
import type { Ort } from '../ort.js';
import { CHUNK_BYTES } from './scratch.js';
import type { Scratch } from './scratch.js';

/** Tensors of the same dtypes to be moved. */
export interface HostUpdate {
  readonly dtypes: { readonly average: OnnxDType; readonly live: OnnxDType };
  /** The averages, and where they are compensated the residuals. */
  readonly states: readonly (readonly HostArray[])[];
  readonly live: readonly HostArray[];
  /** Computes the kernel of these dtypes. */
  readonly session: InferenceSession;
}

/**
 * Moves all states towards the live tensors, in place. Results are written once a run has
 * succeeded; if the first run fails, nothing was written, and if a later one does, JavaScript goes
 * on where ORT gave up, bit for bit the same. So all tensors are moved, or none.
 *
 * @param ort - the runtime
 * @param scratch - that no other call uses meanwhile
 * @param updates - groups of tensors
 * @param weight - in [0, 1]
 */
export async function updateInChunks(
  ort: Ort,
  scratch: Scratch,
  updates: readonly HostUpdate[],
  weight: number,
): Promise<void> {
  let hasWritten = false;
  let isFailed = false;
  for (const update of updates) {
    const capacity = CHUNK_BYTES / arrayOf(update.dtypes.average).BYTES_PER_ELEMENT;
    for (const chunk of chunksOf(lengthsOf(update.live), capacity)) {
      const inputs = gathered(scratch, update, chunk);
      let sums: readonly HostArray[] | undefined;
      if (!isFailed) {
        try {
          sums = await run(ort, update, inputs, weight);
        } catch (error) {
          if (!hasWritten) throw error;
          isFailed = true;
        }
      }
      sums ??= moved(update.dtypes, inputs.states, inputs.live, weight);
      sums.forEach((sum, n) => scatter(update.states[n] ?? [], chunk, sum));
      hasWritten = true;
    }
  }
}

/** What one run reads. */
interface Inputs {
  readonly states: readonly HostArray[];
  readonly live: HostArray;
}

async function run(
  ort: Ort,
  { dtypes, session }: HostUpdate,
  { states, live }: Inputs,
  weight: number,
): Promise<readonly HostArray[]> {
  const vector = (dtype: OnnxDType, data: HostArray): Tensor =>
    tensorOver(ort, { dtype, shape: [data.length], data });
  const feeds: Record<string, Tensor> = {
    live: vector(dtypes.live, live),
    weight: scalar(ort, dtypes.average, weight),
  };
  states.forEach((state, n) => {
    feeds[`state${n}`] = vector(dtypes.average, state);
  });
  // ORT could write into the averages itself, but copies what it wrote in any case; and then one
  // would not know, where a run fails, whether it had written.
  const sums = await session.run(feeds);
  return states.map((_, n) => elementsOf(sums[`sum${n}`] as Tensor));
}

function scalar(ort: Ort, dtype: OnnxDType, value: number): Tensor {
  const data = dtype === 'float64' ? Float64Array.of(value) : Float32Array.of(value);
  return tensorOver(ort, { dtype, shape: [], data });
}

function gathered(scratch: Scratch, { dtypes, states, live }: HostUpdate, chunk: Chunk): Inputs {
  return {
    states: states.map((arrays, n) => gather(scratch, `state${n}`, dtypes.average, arrays, chunk)),
    live: gather(scratch, 'live', dtypes.live, live, chunk),
  };
}

/**
 * The elements of `chunk`: a view where they lie together, a copy otherwise. ORT takes no shared
 * memory.
 */
function gather(
  scratch: Scratch,
  slot: string,
  dtype: OnnxDType,
  arrays: readonly HostArray[],
  chunk: Chunk,
): HostArray {
  const pieces = chunk.map(({ tensor, start, end }) =>
    (arrays[tensor] as HostArray).subarray(start, end),
  );
  const [first] = pieces;
  if (pieces.length === 1 && first?.buffer instanceof ArrayBuffer) return first;
  const target = scratch.array(
    slot,
    dtype,
    pieces.reduce((sum, { length }) => sum + length, 0),
  );
  let offset = 0;
  for (const piece of pieces) {
    target.set(piece as never, offset);
    offset += piece.length;
  }
  return target;
}

function scatter(arrays: readonly HostArray[], chunk: Chunk, source: HostArray): void {
  let offset = 0;
  for (const { tensor, start, end } of chunk) {
    arrays[tensor]?.set(source.subarray(offset, offset + end - start) as never, start);
    offset += end - start;
  }
}

function lengthsOf(arrays: readonly HostArray[]): readonly number[] {
  return arrays.map(({ length }) => length);
}
