// Lets Node run the sources and their tests as they are. Node strips the types itself. This finds
// the `.ts` file that a `.js` specifier means, takes our `vitest.js` for vitest, and finds the
// packages that vitest is made of.
import { existsSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

const OURS = new URL('vitest.js', import.meta.url).href;
const VITEST = import.meta.resolve('vitest');
const PARTS = new Set(['@vitest/expect', '@vitest/spy', 'chai']);

registerHooks({
  resolve(specifier, context, next) {
    if (specifier === 'vitest') return { url: OURS, shortCircuit: true };
    if (PARTS.has(specifier)) return next(specifier, { ...context, parentURL: VITEST });
    if (specifier.startsWith('.') && specifier.endsWith('.js')) {
      const typescript = new URL(specifier.replace(/js$/, 'ts'), context.parentURL);
      if (existsSync(fileURLToPath(typescript))) return next(typescript.href, context);
    }
    return next(specifier, context);
  },
});
