// The engine in plain JavaScript: for runtimes without WebAssembly or SIMD, and as the yardstick of the other.
import type { HostArray } from '@polyak/core';
import { arrayOf } from '@polyak/core';
import type { ArrayRequest, Engine, FloatDType } from './engine.js';
import {
  allFinite32,
  allFinite64,
  average32,
  average64,
  averageCompensated32,
  averageCompensated64,
} from './kernel-js.js';

/** The CPU backend's engine where nothing but JavaScript is available. */
export class JsEngine implements Engine {
  readonly name = 'cpu:js';

  allocate(requests: readonly ArrayRequest[]): readonly HostArray[] {
    return requests.map(({ dtype, length }) => new (arrayOf(dtype))(length));
  }

  // The garbage collector's work.
  free(): void {}

  average(dtype: FloatDType, average: HostArray, live: HostArray, weight: number): void {
    if (dtype === 'float32') {
      average32(average as Float32Array, live as Float32Array, weight);
    } else {
      average64(average as Float64Array, live as Float64Array, weight);
    }
  }

  averageCompensated(
    dtype: FloatDType,
    average: HostArray,
    residual: HostArray,
    live: HostArray,
    weight: number,
  ): void {
    if (dtype === 'float32') {
      averageCompensated32(
        average as Float32Array,
        residual as Float32Array,
        live as Float32Array,
        weight,
      );
    } else {
      averageCompensated64(
        average as Float64Array,
        residual as Float64Array,
        live as Float64Array,
        weight,
      );
    }
  }

  allFinite(dtype: FloatDType, data: HostArray): boolean {
    return dtype === 'float32'
      ? allFinite32(data as Float32Array)
      : allFinite64(data as Float64Array);
  }
}
