// Every link within the built site leads to a page, and to an anchor on it.
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Parser } from 'htmlparser2';
import { globSync } from 'tinyglobby';

/** A page's anchors, and the addresses that it links to or loads. */
interface Page {
  readonly ids: ReadonlySet<string>;
  readonly addresses: readonly string[];
}

const SITE = 'http://site';

/**
 * The links that lead nowhere, each as `page: link`.
 *
 * @param folder - the built site
 */
export function deadLinks(folder: string): readonly string[] {
  const names = globSync('**/*.html', { cwd: folder }).toSorted();
  const pages = new Map(names.map((name) => [`/${name}`, readPage(join(folder, name))]));
  const isDead = (from: string, address: string): boolean => {
    const { origin, pathname, hash } = new URL(address, `${SITE}${from}`);
    if (origin !== SITE) return false;
    const path = decodeURIComponent(pathname.replace(/\/$/, '/index.html'));
    const page = pages.get(path);
    if (page === undefined) {
      return statSync(join(folder, path), { throwIfNoEntry: false })?.isFile() !== true;
    }
    return hash !== '' && !page.ids.has(decodeURIComponent(hash.slice(1)));
  };
  return [...pages].flatMap(([from, { addresses }]) =>
    addresses.filter((address) => isDead(from, address)).map((address) => `${from}: ${address}`),
  );
}

function readPage(path: string): Page {
  const ids = new Set<string>();
  const addresses = new Set<string>();
  const parser = new Parser({
    onopentag: (_, { id, href, src }) => {
      if (id !== undefined) ids.add(id);
      for (const address of [href, src]) if (address !== undefined) addresses.add(address);
    },
  });
  parser.end(readFileSync(path, 'utf8'));
  return { ids, addresses: [...addresses] };
}
