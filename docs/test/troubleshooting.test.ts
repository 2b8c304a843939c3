// The guide explains each error code, and no code that does not exist.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const textOf = (path: string): string =>
  readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

it('has a section for each error code, in the order of PolyakErrorCode', () => {
  const [union = ''] = textOf('api/core.api.md').match(/type PolyakErrorCode = .*/) ?? [];
  const codes = [...union.matchAll(/'(ERR_\w+)'/g)].map(([, code]) => code);
  const guide = textOf('docs/guides/troubleshooting.md');
  const headings = [...guide.matchAll(/^## (ERR_.*)$/gm)].map(([, code]) => code);
  expect(codes.length).toBeGreaterThan(0);
  expect(headings).toEqual(codes);
});
