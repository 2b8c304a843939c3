// The choice of the engine: WebAssembly where the runtime has it.
import { PolyakError } from '@polyak/core';
import type { Engine } from './engine.js';
import { JsEngine } from './js-engine.js';
import { WasmEngine } from './wasm-engine.js';

/**
 * A new engine.
 *
 * @param call - the function, for the message
 * @param kernel - which one; undefined for the best
 * @throws PolyakError `ERR_UNSUPPORTED` where `wasm` is asked for and the runtime lacks it
 */
export function chooseEngine(call: string, kernel: 'wasm' | 'js' | undefined): Engine {
  if (kernel === 'js') return new JsEngine();
  try {
    return new WasmEngine();
  } catch (cause) {
    if (kernel === undefined) return new JsEngine();
    throw new PolyakError(
      'ERR_UNSUPPORTED',
      `${call}: this runtime cannot run the WebAssembly kernel (${String(cause)}). ` +
        "Pass { kernel: 'js' }.",
      { cause },
    );
  }
}
