// Blocks of `typescript` and `wgsl` in the guides are excerpts of the example and of the template.
// Blocks of `ts` run by themselves, in docs/test.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { named } from '@polyak/create-backend';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const EXAMPLE = `${ROOT}examples/backend-webgpu/src/`;
const TEMPLATE = `${ROOT}tools/create-backend/template/test/conformance.test.ts`;
const GUIDES = `${ROOT}docs/guides/`;
const guides = readdirSync(GUIDES).map((file) => readFileSync(GUIDES + file, 'utf8'));

/** Without what prettier changes where code is indented less. */
const squeezed = (code: string): string => code.replaceAll(/\s|,(?=\s*[)\]}])/gu, '');

const kernels = (code: string): string =>
  code
    .replaceAll('${WORKGROUP}', '256')
    .replaceAll('${NON_FINITE}', '1')
    .replaceAll('${MOVED}', '2');

const sources = [
  ...readdirSync(EXAMPLE).map((file) => kernels(readFileSync(EXAMPLE + file, 'utf8'))),
  named(readFileSync(TEMPLATE, 'utf8'), 'webnn'),
].map(squeezed);

const blocks = guides.flatMap((guide) =>
  [...guide.matchAll(/```(typescript|wgsl)\n([\s\S]*?)```/gu)].map(([, , code = '']) => code),
);

it('is found', () => {
  expect(blocks.length).toBeGreaterThan(10);
});

it.each(blocks)('is in a source: %s', (code) => {
  expect(sources.filter((source) => source.includes(squeezed(code)))).toHaveLength(1);
});
