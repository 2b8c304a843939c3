// Corrections of the default theme's components, for keyboards and screen readers.
import { basename } from 'node:path';
import type { Plugin } from 'vitepress';

/** By component, what is replaced by what. */
const CORRECTIONS: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  // The name on the screen, keys included, is the button's name.
  'VPNavBarSearchButton.vue': [[` :aria-label="translate('button.buttonAriaLabel')"`, '']],
  // A dialog with a list of links, where the theme has a button around everything.
  'VPLocalSearchBox.vue': [
    ['role="button"', 'role="dialog" aria-modal="true"'],
    [`:aria-owns="results?.length ? 'localsearch-list' : undefined"`, ''],
    ['aria-expanded="true"', ''],
    ['aria-haspopup="listbox"', ''],
    [`:role="results?.length ? 'listbox' : undefined"`, ''],
    [`:aria-selected="selectedIndex === index ? 'true' : 'false'"`, ''],
    ['role="option"', ''],
    [`:aria-label="[...p.titles, p.title].join(' > ')"`, ''],
    ['<kbd :aria-label', '<kbd role="img" :aria-label'],
  ],
  // A heading that neither leads anywhere nor opens anything is no button.
  'VPSidebarItem.vue': [
    [
      "isLink.value ? undefined : 'button'",
      "isLink.value || !collapsible.value ? undefined : 'button'",
    ],
    [':tabindex="item.items && 0"', ':tabindex="itemRole && 0"'],
  ],
  'VPHome.vue': [['class="VPHome"', 'class="VPHome" role="main"']],
};

/**
 * The plugin for Vite.
 *
 * @throws Error, in a build, if the theme no longer has what is to be replaced
 */
export function accessibleTheme(): Plugin {
  return {
    name: 'accessible-theme',
    enforce: 'pre',
    transform(code, id) {
      const corrections = CORRECTIONS[basename(id)];
      if (corrections === undefined) return undefined;
      return corrections.reduce((text, [from, to]) => {
        if (!text.includes(from)) throw new Error(`${basename(id)} no longer has ${from}`);
        return text.replaceAll(from, to);
      }, code);
    },
  };
}
