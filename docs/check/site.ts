import { fileURLToPath } from 'node:url';

/** Where `vitepress build` writes the site. */
export const SITE: string = fileURLToPath(new URL('../.vitepress/dist/', import.meta.url));
