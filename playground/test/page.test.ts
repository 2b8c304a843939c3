// The live page in Chromium: what a visitor sees and does.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { decodeSafetensors } from '@polyak/safetensors';
import type { Download, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Site } from './browser/site.js';
import { complaintsOf, executablePath, isRequired, openSite } from './browser/site.js';

const patience = 120_000;
const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

it.runIf(isRequired || executablePath !== undefined)('has a Chromium to run in', () => {
  expect(executablePath).toBeDefined();
});

describe.skipIf(executablePath === undefined)('the live page', () => {
  let site: Site;

  beforeAll(async () => {
    site = await openSite('index.html');
  }, patience);

  afterAll(async () => site.close());

  describe.each([
    ['light', 1280],
    ['dark', 1280],
    ['light', 400],
    ['dark', 400],
  ] as const)('in %s, %i pixels wide', (colorScheme, width) => {
    it('shows the recorded run at once, and passes axe', async () => {
      const page = await site.browser.newPage({ colorScheme, viewport: { width, height: 900 } });
      const complaints = complaintsOf(page);
      await page.goto(site.url);
      await page.locator('.pg-contour').first().waitFor({ state: 'attached' });
      await page.locator('[data-table=seeds] td').first().waitFor();
      expect(await text(page, 'status')).toBe('A recorded run. Train one here.');
      expect(await text(page, 'epoch')).toBe('120 of 120');
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
      await page.addScriptTag({ path: axe });
      const violations = await page.evaluate(
        `axe.run().then(({ violations }) =>
          violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]))`,
      );
      expect(violations).toEqual([]);
      expect(complaints).toEqual([]);
      await page.close();
    });
  });

  describe('a whole run on wasm', () => {
    let page: Page;
    let complaints: readonly string[];

    beforeAll(async () => {
      page = await site.browser.newPage({ viewport: { width: 1280, height: 900 } });
      complaints = complaintsOf(page);
      await page.goto(site.url);
      await page.locator('.pg-contour').first().waitFor({ state: 'attached' });
    }, patience);

    afterAll(async () => page.close());

    it('answers while it trains', async () => {
      const idle = await frameTimes(page);
      await page.getByRole('button', { name: 'Train', exact: true }).press('Enter');
      await reach(page, 10);
      const training = await frameTimes(page);
      console.info(
        `Frames: median ${median(idle)} ms idle, ${median(training)} ms training, ` +
          `longest ${Math.max(...training)} ms.`,
      );
      expect(median(training)).toBeLessThan(2 * median(idle));
    });

    it('changes the rule meanwhile', async () => {
      await reach(page, 44);
      await page.getByLabel('Rule').selectOption('exponential');
      await expect.poll(() => text(page, 'rule-name')).toBe('EMA');
      await page.getByLabel('Rule').selectOption('equal');
      await expect.poll(() => text(page, 'rule-name')).toBe('SWA');
    });

    it('pauses, and resumes after a reload', async () => {
      await page.getByRole('button', { name: 'Pause' }).click();
      await page.locator('[data-text=status]', { hasText: 'Paused.' }).waitFor();
      const before = await text(page, 'epoch');
      await expect.poll(() => savedEpochs(page)).toBe(Number.parseInt(before, 10));
      await page.reload();
      await page.locator('[data-text=status]', { hasText: 'Paused.' }).waitFor();
      expect(await text(page, 'epoch')).toBe(before);
      await page.getByRole('button', { name: 'Resume' }).click();
    });

    it(
      'ends with the curve of SWA above the live one',
      async () => {
        await page.locator('[data-text=status]', { hasText: 'Trained on wasm.' }).waitFor({
          timeout: patience,
        });
        const rows = await page.locator('[data-table=accuracy] tbody tr').allInnerTexts();
        const late = rows.map((row) => row.split(/\s+(?=[\d–])/u).map(Number.parseFloat));
        expect(late.length).toBe(12);
        const averaged = late.filter(([epoch = 0]) => epoch >= 60);
        for (const [, live = NaN, , average = NaN] of averaged) {
          expect(average).toBeGreaterThan(live);
        }
        expect(await page.locator('.pg-contour').count()).toBe(12);
        const flatness = /At distance 4: SGD (.*), SGD with a falling rate (.*), SWA (.*)\.$/u;
        const [, live, decayed, average] = flatness.exec(await text(page, 'flatness')) ?? [];
        expect(Number(average)).toBeLessThan(Number(live));
        expect(Number(average)).toBeLessThan(Number(decayed));
      },
      patience,
    );

    it('averages in less than 5 % of a training step', async () => {
      const cost = await text(page, 'cost');
      console.info(cost);
      const [, share = 'NaN'] = /took ([\d.]+) %/u.exec(cost) ?? [];
      expect(Number(share)).toBeGreaterThan(0);
      expect(Number(share)).toBeLessThan(5);
    });

    it('moves all figures with the scrubber', async () => {
      await page.getByRole('slider').fill('50');
      await page.locator('[data-text=live]', { hasText: 'Epoch 50:' }).waitFor();
      expect(await text(page, 'average')).toMatch(/^Epoch 50: /u);
      await page.getByRole('slider').fill('20');
      await page.locator('[data-text=average]', { hasText: 'No average yet' }).waitFor();
      await page.getByRole('slider').fill('120');
    });

    it('swaps the average in and out', async () => {
      await page.getByRole('button', { name: 'Swap in the average' }).click();
      await page.locator('[data-text=held]', { hasText: 'weights of SWA' }).waitFor();
      const averaged = await text(page, 'held');
      await page.getByRole('button', { name: 'Swap SGD back in' }).click();
      await page.locator('[data-text=held]', { hasText: 'weights of SGD' }).waitFor();
      expect(percentIn(averaged)).toBeGreaterThan(percentIn(await text(page, 'held')));
    });

    it('merges snapshots, chosen by keyboard or in the valley', async () => {
      await page.getByRole('checkbox', { name: '80' }).press('Space');
      await page.locator('.pg-target[data-epoch="100"]').dispatchEvent('click');
      await expect.poll(() => page.locator('.pg-snapshot').count()).toBe(2);
      await page.getByRole('button', { name: 'Merge into a soup' }).click();
      await page.locator('[data-text=soup]', { hasText: 'epochs 80, 100' }).waitFor();
      await expect.poll(() => page.locator('.pg-soup').count()).toBe(1);
    });

    it('downloads the average as safetensors and as a tfjs model', async () => {
      const [weights] = await downloads(page, 'safetensors', 1);
      const { tensors } = decodeSafetensors(weights?.bytes ?? new Uint8Array());
      const names = ['hidden/bias', 'hidden/kernel', 'logits/bias', 'logits/kernel'];
      expect(Object.keys(tensors).toSorted()).toEqual(names);
      const files = await downloads(page, 'TensorFlow.js model', 2);
      const [json, data] = ['model.json', 'weights.bin'].map(
        (name) => files.find((file) => file.name === name)?.bytes ?? new Uint8Array(),
      );
      const { weightsManifest } = JSON.parse(new TextDecoder().decode(json)) as {
        weightsManifest: { paths: string[]; weights: { name: string; shape: number[] }[] }[];
      };
      const [group] = weightsManifest;
      expect(group?.paths).toEqual(['weights.bin']);
      let offset = 0;
      for (const { name, shape } of group?.weights ?? []) {
        const length = shape.reduce((product, size) => product * size, 1);
        const values = new Float32Array(data?.slice(offset, offset + 4 * length).buffer ?? []);
        expect(values).toEqual(tensors[name]?.data);
        offset += 4 * length;
      }
      expect(offset).toBe(4 * 99);
    });

    it('writes no warning and no error to the console', () => {
      expect(complaints).toEqual([]);
    });
  });

  it('shows that its worker could not be loaded', async () => {
    const page = await site.browser.newPage();
    await page.route(/worker/u, (route) => route.abort());
    await page.goto(site.url);
    await page.getByRole('alert').filter({ hasText: 'The worker could not be loaded.' }).waitFor();
    expect(await text(page, 'status')).toBe('Stopped.');
    await page.close();
  });

  it('trains without IndexedDB, and says that the run is not kept', async () => {
    const page = await site.browser.newPage();
    const complaints = complaintsOf(page);
    await page.route(/worker/u, async (route) => {
      const response = await route.fetch();
      const body = `Object.defineProperty(globalThis, 'indexedDB', {});${await response.text()}`;
      await route.fulfill({ response, body });
    });
    await page.goto(site.url);
    await page.getByRole('button', { name: 'Train', exact: true }).dblclick();
    await page.locator('[data-text=kept]', { hasText: 'does not keep the run' }).waitFor();
    await reach(page, 2);
    expect(complaints).toEqual([]);
    await page.close();
  });

  it(
    'trains MNIST with batch norm, and updates it for the average',
    async () => {
      const page = await site.browser.newPage();
      const complaints = complaintsOf(page);
      await page.goto(site.url);
      await page.locator('.pg-contour').first().waitFor({ state: 'attached' });
      await page.getByLabel('Task').selectOption('mnist');
      await page.getByLabel('Averaging starts after epoch').fill('2');
      await page.getByRole('button', { name: 'Train', exact: true }).click();
      await reach(page, 6);
      await page.getByRole('button', { name: 'Pause' }).click();
      await page.getByRole('button', { name: 'Swap in the average' }).click();
      await page.locator('[data-text=held]', { hasText: 'statistics of SGD' }).waitFor();
      const stale = percentIn(await text(page, 'held'));
      await page.getByRole('button', { name: 'Update batch norm' }).click();
      await page.locator('[data-text=held]', { hasText: / %\.$/u }).waitFor();
      const updated = percentIn(await text(page, 'held'));
      console.info(
        `Test accuracy of the average: ${stale} %, with batch norm updated ${updated} %`,
      );
      expect(updated).not.toBe(stale);
      expect(updated).toBeGreaterThan(50);
      expect(complaints).toEqual([]);
      await page.close();
    },
    patience,
  );
});

async function text(page: Page, name: string): Promise<string> {
  return page.locator(`[data-text=${name}]`).innerText();
}

/** Waits until the run has trained some epochs. */
async function reach(page: Page, epoch: number): Promise<void> {
  const reached = `document.querySelector('[data-text=status]').textContent.startsWith('Training')
    && Number.parseInt(document.querySelector('[data-text=epoch]').textContent) >= ${epoch}`;
  await page.waitForFunction(reached, null, { timeout: patience });
}

/** The times between frames, in milliseconds, for about a second. */
async function frameTimes(page: Page): Promise<readonly number[]> {
  return page.evaluate(`new Promise((resolve) => {
    const times = [];
    let last = performance.now();
    requestAnimationFrame(function next(now) {
      times.push(now - last);
      last = now;
      if (times.length < 60) requestAnimationFrame(next);
      else resolve(times.slice(1));
    });
  })`);
}

/** The epochs of the run that is kept in the browser. */
async function savedEpochs(page: Page): Promise<number> {
  return page.evaluate(`new Promise((resolve) => {
    indexedDB.open('keyval-store').onsuccess = ({ target: { result: base } }) => {
      const read = base.transaction('keyval').objectStore('keyval').get('polyak-playground');
      read.onsuccess = () => {
        base.close();
        resolve(read.result?.view.epochs.length ?? 0);
      };
    };
  })`);
}

async function downloads(
  page: Page,
  button: string,
  count: number,
): Promise<readonly { readonly name: string; readonly bytes: Uint8Array }[]> {
  const found: Download[] = [];
  page.on('download', (download) => found.push(download));
  await page.getByRole('button', { name: button }).click();
  await expect.poll(() => found.length).toBe(count);
  page.removeAllListeners('download');
  return Promise.all(
    found.map(async (download) => ({
      name: download.suggestedFilename(),
      bytes: new Uint8Array(await readFile(await download.path())),
    })),
  );
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

function percentIn(sentence: string): number {
  return Number(/([\d.]+) %/u.exec(sentence)?.[1]);
}
