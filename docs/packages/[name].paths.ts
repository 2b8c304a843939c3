// A page for each package: its README.
import { existsSync, readFileSync } from 'node:fs';
import { DOCS, PACKAGES } from '../.vitepress/pages.js';

export default {
  watch: ['../../packages/*/README.md'],
  paths: () => PACKAGES.map((name) => ({ params: { name }, content: contentOf(name) })),
};

function contentOf(name: string): string {
  const readme = readFileSync(new URL(`../packages/${name}/README.md`, DOCS), 'utf8');
  const hasReference = existsSync(new URL(`reference/${name}/index.md`, DOCS));
  if (!hasReference) return readme;
  return readme.replace(/^# .+$/m, (title) => `${title}\n\n[API reference](/reference/${name}/)`);
}
