// Links are written for GitHub. On the site, those to a page lead there, and those to another file
// of the repository lead to GitHub.
import { existsSync, statSync } from 'node:fs';
import { posix } from 'node:path';
import type { MarkdownRenderer } from 'vitepress';

export const REPOSITORY = 'https://github.com/polyak/polyak';
const ROOT = new URL('../../', import.meta.url);

/** The rule for markdown-it. A link to a file that does not exist is an error. */
export function repositoryLinks(md: MarkdownRenderer): void {
  md.core.ruler.push('repository-links', ({ tokens, env }) => {
    // Titles are of no page. What TypeDoc links is on the site.
    const { relativePath: page } = env as { readonly relativePath?: string };
    if (page === undefined || page.startsWith('reference/')) return;
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      if (token.type !== 'link_open') continue;
      const href = token.attrGet('href');
      if (href !== null) token.attrSet('href', siteHref(sourceOf(page), href));
    }
  });
}

/** The file of the repository that a page is made from. */
function sourceOf(page: string): string {
  const readme = page.replace(/\.md$/, '/README.md');
  return page.startsWith('packages/') ? readme : `docs/${page}`;
}

/**
 * Where a link leads on the site.
 *
 * @param file - the file that has it, relative to the repository
 * @param href - the link as written
 * @returns a page of the site, an address on GitHub, or `href` itself if it is no relative link
 * @throws Error if the file that it links to does not exist
 */
export function siteHref(file: string, href: string): string {
  if (/^(?:[a-z]+:|#|\/)/.test(href)) return href;
  const [path = '', anchor] = href.split('#');
  const target = posix.join(posix.dirname(file), decodeURI(path));
  const hash = anchor === undefined ? '' : `#${anchor}`;
  if (target.startsWith('../') || !existsSync(new URL(target, ROOT))) {
    throw new Error(`${file}: ${href} leads to ${target}, which does not exist.`);
  }
  const [, name] = /^packages\/([^/]+)(?:\/README\.md)?\/?$/.exec(target) ?? [];
  if (name !== undefined) return `/packages/${name}${hash}`;
  const [, page] = /^docs\/(.+\.md)$/.exec(target) ?? [];
  if (page !== undefined) return `/${page}${hash}`;
  const view = statSync(new URL(target, ROOT)).isDirectory() ? 'tree' : 'blob';
  return `${REPOSITORY}/${view}/main/${target}${hash}`;
}
