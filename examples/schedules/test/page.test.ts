import * as schedules from '@polyak/schedules';
import * as cyclic from '@polyak/schedules/cyclic';
import { parseHTML } from 'linkedom';
import { describe, expect, it } from 'vitest';

import { drawings } from '../src/drawings.js';
import { renderPage } from '../src/page.js';

describe('the page of schedules', () => {
  const html = renderPage(drawings);
  const { document } = parseHTML(html);

  it('draws every schedule of the library', () => {
    const scales = ['expRange', 'triangular', 'triangular2'];
    const drawn = new Set(drawings.map(({ title }) => title.split(',')[0]));
    const library = Object.keys({ ...schedules, ...cyclic });
    expect(drawn).toEqual(new Set(library.filter((name) => !scales.includes(name))));
  });

  it('has a plot for each, with a line, named axes and a caption', () => {
    const figures = [...document.querySelectorAll('figure')];
    expect(figures).toHaveLength(drawings.length);
    for (const figure of figures) {
      expect(figure.querySelector('[aria-label="line"] path')?.getAttribute('d')).toMatch(
        /^M[\d.,HVML-]{50,}$/,
      );
      expect(figure.querySelector('[aria-label="x-axis label"]')?.textContent).toContain('step');
      expect(figure.querySelector('[aria-label="y-axis label"]')?.textContent).toMatch(
        /learning rate|momentum/,
      );
      expect(figure.querySelector('figcaption')?.textContent).toBeTruthy();
    }
  });

  it('shows all of each line', () => {
    for (const { axis, values } of drawings) {
      expect(values).toHaveLength(200);
      const [least, most] = axis === 'momentum' ? [0.75, 1] : [0, 0.11];
      expect(values.every((value) => value >= least && value <= most)).toBe(true);
      expect(new Set(values).size).toBeGreaterThan(1);
    }
  });

  it('needs no other file and no network', () => {
    expect(
      document.querySelectorAll('script, link, img, iframe, object, [src], [href]'),
    ).toHaveLength(0);
    expect(html).not.toMatch(/NaN|undefined|Infinity/);
  });
});
