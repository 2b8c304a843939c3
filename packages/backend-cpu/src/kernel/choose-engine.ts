// The choice of the engine: WebAssembly where the runtime has it.
import { PolyakError } from '@polyak/core';
import { requireOptions, requireWord } from '@polyak/core/kit';
import type { Engine } from './engine.js';
import { JsEngine } from './js-engine.js';
import { WasmEngine } from './wasm-engine.js';

/**
 * A new engine.
 *
 * @param call - the function, for the message
 * @param options - which one; without `kernel` the best
 * @throws TypeError where the options are no object, or one of them is not known; RangeError for
 *   another kernel
 * @throws PolyakError `ERR_UNSUPPORTED` where `wasm` is asked for and the runtime lacks it
 */
export function chooseEngine(call: string, options: { readonly kernel?: 'wasm' | 'js' }): Engine {
  const { kernel } = requireOptions(call, options, ['kernel']);
  if (kernel !== undefined) requireWord(call, 'kernel', kernel, ['wasm', 'js']);
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
