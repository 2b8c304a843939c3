// The version of this package.
import { readFileSync } from 'node:fs';

const MANIFEST = new URL('../package.json', import.meta.url);

/** The version, such as `1.2.0`. */
export const VERSION: string = (
  JSON.parse(readFileSync(MANIFEST, 'utf8')) as { readonly version: string }
).version;
