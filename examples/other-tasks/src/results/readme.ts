// Puts tables between the markers of a page: `<!-- name -->` and `<!-- /name -->`.

/** The text between two markers. */
export function sectionOf(page: string, name: string): string {
  const [, rest = missing(name)] = page.split(`<!-- ${name} -->\n`);
  const [section = '', after] = rest.split(`\n<!-- /${name} -->`);
  return after === undefined ? missing(name) : section.trim();
}

/** The page with another text between two markers. */
export function withSection(page: string, name: string, text: string): string {
  return page.replace(sectionOf(page, name), () => text);
}

function missing(name: string): never {
  throw new Error(`The page has no markers <!-- ${name} --> and <!-- /${name} -->.`);
}
