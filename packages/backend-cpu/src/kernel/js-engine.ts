// The engine in plain JavaScript, for runtimes without WebAssembly or SIMD. Tests compare the other
// engine with it.
import { allFinite } from '@polyak/core/kit';
import { widened } from './engine.js';
import type { Elements, Engine, FloatArray, Sources, Targets } from './engine.js';
import { average32, average64, averageCompensated32, averageCompensated64 } from './kernel-js.js';
import { PLAIN, SpareArrays } from './spare-arrays.js';

/** The CPU backend's engine where nothing but JavaScript is available. */
export class JsEngine implements Engine {
  readonly name = 'cpu:js';
  readonly memory: SpareArrays = new SpareArrays(PLAIN);

  // One call for each type and form, so that a loop meets one kind of array only.
  average(to: Targets, from: Sources<Elements>, weight: number): number {
    const { average, residual } = from;
    const live = widened(from.live);
    if (residual === undefined) {
      return is32(to.average)
        ? average32(to.average, average as Float32Array, live as Float32Array, weight)
        : average64(to.average, average as Float64Array, live as Float64Array, weight);
    }
    const sources = { average, residual, live };
    return is32(to.average)
      ? averageCompensated32(to as Pair<Float32Array>, sources as Triple<Float32Array>, weight)
      : averageCompensated64(to as Pair<Float64Array>, sources as Triple<Float64Array>, weight);
  }

  allFinite(data: FloatArray): boolean {
    return allFinite(is32(data) ? 'float32' : 'float64', data);
  }
}

type Pair<A> = Targets & { readonly average: A; readonly residual: A };
type Triple<A> = Pair<A> & { readonly live: A };

function is32(data: FloatArray): data is Float32Array {
  return data.BYTES_PER_ELEMENT === 4;
}
