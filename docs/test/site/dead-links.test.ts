import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deadLinks } from '../../check/dead-links.js';

describe('deadLinks', () => {
  const folder = mkdtempSync(join(tmpdir(), 'polyak-site-'));
  const link = (href: string): string => `<a href="${href}">x</a>`;

  beforeAll(() => {
    mkdirSync(join(folder, 'api'));
    writeFileSync(join(folder, 'icon.svg'), '<svg/>');
    writeFileSync(join(folder, 'api/index.html'), '<h1 id="top">x</h1><h2 id="naïve">y</h2>');
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each([
    '/api/',
    'api/index.html#top',
    '/api/#na%C3%AFve',
    '#here',
    '/icon.svg',
    'https://a.b/c',
  ])('finds nothing wrong with %s', (href) => {
    writeFileSync(join(folder, 'index.html'), `<p id="here">${link(href)}</p>`);
    expect(deadLinks(folder)).toEqual([]);
  });

  it.each(['/api/#none', '#none', '/none.html', 'none/', '/api', '/icon.png'])(
    'finds %s',
    (href) => {
      writeFileSync(join(folder, 'index.html'), link('/api/#top') + link(href));
      expect(deadLinks(folder)).toEqual([`/index.html: ${href}`]);
    },
  );

  it('finds a picture that is not there', () => {
    writeFileSync(join(folder, 'index.html'), '<img src="/none.png">');
    expect(deadLinks(folder)).toEqual(['/index.html: /none.png']);
  });
});
