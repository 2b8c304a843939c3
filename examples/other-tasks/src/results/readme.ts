// Puts tables between the markers of a page: `<!-- name -->` and `<!-- /name -->`.

/** The text between two markers. */
export function sectionOf(page: string, name: string): string {
  return page.slice(...boundsOf(page, name)).trim();
}

/** The page with another text between two markers. */
export function withSection(page: string, name: string, text: string): string {
  const [start, end] = boundsOf(page, name);
  return `${page.slice(0, start)}\n\n${text}\n\n${page.slice(end)}`;
}

function boundsOf(page: string, name: string): readonly [number, number] {
  const [opening, closing] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [start, end] = [page.indexOf(opening), page.indexOf(closing)];
  if (start >= 0 && end > start) return [start + opening.length, end];
  throw new Error(`The page has no markers ${opening} and ${closing}.`);
}
