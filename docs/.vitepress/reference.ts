// The sidebar of each package's API reference, from what TypeDoc wrote.
import { existsSync, readFileSync } from 'node:fs';
import type { DefaultTheme } from 'vitepress';
import { DOCS } from './pages.js';

type Item = DefaultTheme.SidebarItem;

/** Sidebars by the path that they are for: one a package, or each page carries all of them. */
export function referenceSidebars(): Record<string, Item[]> {
  const file = new URL('reference/typedoc-sidebar.json', DOCS);
  if (!existsSync(file))
    throw new Error('No API reference: run `npx -y pnpm@12 run site:build` first.');
  const packages = JSON.parse(readFileSync(file, 'utf8')) as readonly Item[];
  return Object.fromEntries(packages.map((item) => [item.link ?? '', sidebarOf(item)]));
}

function sidebarOf({ text = '', link = '', items = [] }: Item): Item[] {
  const readme = {
    text: `README of ${text}`,
    link: link.replace('/reference/', '/packages/').slice(0, -1),
  };
  const all = { text: 'All packages', link: '/reference/' };
  const isModule = items.some(({ link: page }) => page !== undefined);
  const modules = isModule ? items : [{ text, link, items }];
  return [
    all,
    readme,
    ...modules.map((module, index) => ({ ...withLinks(module), collapsed: index > 0 })),
  ];
}

/** Themes link to their place on the module's page: a heading that only opens is no link. */
function withLinks({ text = '', link = '', items = [] }: Item): Item {
  const themes = items.map((theme) => ({
    ...theme,
    link: `${link}#${(theme.text ?? '').toLowerCase().replaceAll(' ', '-')}`,
    collapsed: false,
  }));
  return { text, link, items: themes };
}
