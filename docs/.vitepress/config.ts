// The documentation site: guides, the packages' READMEs and the API reference.
import { defineConfig } from 'vitepress';
import { accessibleTheme } from './accessible-theme.js';
import { namedFormulas } from './named-formulas.js';
import { guidesSidebar, PACKAGES } from './pages.js';
import { referenceSidebars } from './reference.js';
import { REPOSITORY, repositoryLinks } from './repository-links.js';

const packages = PACKAGES.map((name) => ({ text: `@polyak/${name}`, link: `/packages/${name}` }));

export default defineConfig({
  title: 'Polyak',
  description: 'Weight averaging for JavaScript, on the tensor runtime that you already have.',
  lang: 'en',
  head: [['link', { rel: 'icon', href: '/favicon.svg', type: 'image/svg+xml' }]],
  // One file for what every page would carry: the sidebars and the list of pages.
  metaChunk: true,
  srcExclude: ['test/**'],
  markdown: {
    math: true,
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
    config: (md) => {
      repositoryLinks(md);
      namedFormulas(md);
    },
  },
  vite: {
    plugins: [accessibleTheme()],
    // What the playground needs, as in its own settings.
    resolve: { conditions: ['@polyak/source'] },
    worker: { format: 'es' },
    // The search index has 1 MB, which is loaded when the search is opened.
    build: {
      chunkSizeWarningLimit: 2000,
      cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    },
  },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      { text: 'Guides', link: '/guides/get-started', activeMatch: '^/guides/' },
      { text: 'Playground', link: '/playground' },
      { text: 'Packages', link: '/packages/core', activeMatch: '^/packages/' },
      { text: 'API', link: '/reference/', activeMatch: '^/reference/' },
    ],
    sidebar: {
      ...referenceSidebars(),
      '/': [...guidesSidebar(), { text: 'Packages', items: packages }],
    },
    socialLinks: [{ icon: 'github', link: REPOSITORY }],
  },
});
