import { describe, expect, it } from 'vitest';
import { siteHref } from '../../.vitepress/repository-links.js';

const GITHUB = 'https://github.com/polyak/polyak';

describe('siteHref', () => {
  it.each([
    ['docs/speed.md', 'guarantees.md', '/guarantees.md'],
    ['docs/guides/x.md', '../speed.md#files', '/speed.md#files'],
    ['docs/speed.md', '../packages/core/README.md#x', '/packages/core#x'],
    ['packages/core/README.md', '../../docs/speed.md', '/speed.md'],
    ['packages/core/README.md', '../safetensors', '/packages/safetensors'],
    ['docs/speed.md', '../CONTRIBUTING.md#changes', `${GITHUB}/blob/main/CONTRIBUTING.md#changes`],
    ['docs/speed.md', '../tests/truth/', `${GITHUB}/tree/main/tests/truth/`],
  ])('leads from %s by %s to %s', (file, href, expected) => {
    expect(siteHref(file, href)).toBe(expected);
  });

  it.each(['https://arxiv.org', 'mailto:a@b.c', '#here', '/reference/core/'])(
    'leaves %s as it is',
    (href) => {
      expect(siteHref('docs/speed.md', href)).toBe(href);
    },
  );

  it.each(['../packages/none/README.md', 'nothing.md', '../../outside.md'])(
    'refuses %s, which does not exist in the repository',
    (href) => {
      expect(() => siteHref('docs/speed.md', href)).toThrow(`docs/speed.md: ${href} leads to`);
    },
  );
});
