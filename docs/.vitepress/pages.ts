// The sidebar of the guides. A page is added here, or the build fails.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { DefaultTheme } from 'vitepress';

export const DOCS: URL = new URL('../', import.meta.url);

/** Pages without a place in the sidebar. */
const ELSEWHERE = ['index.md', 'playground.md'];

const SECTIONS: Readonly<Record<string, readonly string[]>> = {
  'Get started': ['guides/get-started.md', 'guides/choose-a-backend.md', 'guides/compatibility.md'],
  'Coming from': [
    'guides/from-torchcontrib.md',
    'guides/from-swa-utils.md',
    'guides/from-keras-and-lightning.md',
  ],
  Guides: [
    'guides/batch-norm.md',
    'guides/schedules.md',
    'guides/saving-and-resuming.md',
    'guides/merging-checkpoints.md',
    'guides/fleet.md',
    'guides/ensembles-and-uncertainty.md',
    'guides/train-in-onnx-runtime.md',
    'native-tensorflow.md',
    'guides/troubleshooting.md',
  ],
  'Build on it': [
    'guides/embed-the-core.md',
    'guides/write-a-backend.md',
    'guides/community-backends.md',
  ],
  Understand: [
    'guides/how-it-works.md',
    'evidence.md',
    'speed.md',
    'guarantees.md',
    'architecture.md',
  ],
};

/** The packages that come first in the sidebar, in this order. */
const FIRST = [
  'core',
  'backend-cpu',
  'backend-tfjs',
  'backend-onnx',
  'backend-gpujs',
  'ensemble',
  'schedules',
  'checkpoints',
  'fleet',
  'cli',
  'safetensors',
  'tensorflow-native',
];

/** All that have a README. */
export const PACKAGES: readonly string[] = [...new Set([...FIRST, ...packagesWithReadme()])];

/**
 * Sections of pages, each under its own heading.
 *
 * @throws Error if a page of `docs` or `docs/guides` is in no section
 */
export function guidesSidebar(): DefaultTheme.SidebarItem[] {
  const placed = new Set(Object.values(SECTIONS).flat());
  const lost = [...pagesIn(''), ...pagesIn('guides/')].filter(
    (page) => !placed.has(page) && !ELSEWHERE.includes(page),
  );
  if (lost.length > 0) {
    throw new Error(`No place in the sidebar: ${lost.join(', ')}. Add it to .vitepress/pages.ts.`);
  }
  return Object.entries(SECTIONS).map(([text, pages]) => ({
    text,
    items: pages.map((page) => ({ text: titleOf(page), link: `/${page}` })),
  }));
}

function packagesWithReadme(): readonly string[] {
  const folder = new URL('../packages/', DOCS);
  return readdirSync(folder).filter((name) => existsSync(new URL(`${name}/README.md`, folder)));
}

function pagesIn(folder: string): readonly string[] {
  return readdirSync(new URL(folder, DOCS))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `${folder}${name}`);
}

function titleOf(page: string): string {
  const [, title] = /^# (.+)$/m.exec(readFileSync(new URL(page, DOCS), 'utf8')) ?? [];
  if (title === undefined) throw new Error(`${page}: expected a heading of the first level.`);
  return title.replaceAll('`', '');
}
