import { expect, it } from 'vitest';
import { reportOf } from '../src/report.js';

const tarball = {
  directory: 'packages/safetensors',
  manifest: {
    name: '@polyak/safetensors',
    version: '0.2.0',
    dependencies: { yaml: '^2.9.1' },
    peerDependencies: { 'gpu.js': '^2.24.1' },
  },
  readme: '',
  file: 'polyak-safetensors-0.2.0.tgz',
  packed: 1234,
  sizes: new Map([
    ['package.json', 2000],
    ['LICENSE', 1075],
  ]),
};
const changelog = '# @polyak/safetensors\n\n## 0.2.0\n\n- abc: New.\n\n## 0.1.0\n\n- def: Old.\n';

it('reports sizes, dependencies, files and the newest changes of a package', () => {
  const report = reportOf([tarball], new Map([[tarball.directory, changelog]]));
  expect(report.split('\n').filter((line) => line !== '')).toEqual([
    '# What would be published',
    '| package | version | files | packed | unpacked | dependencies and peers |',
    '| --- | --- | ---: | ---: | ---: | --- |',
    '| @polyak/safetensors | 0.2.0 | 2 | 1.2 kB | 3.1 kB | yaml ^2.9.1, gpu.js ^2.24.1 |',
    '## @polyak/safetensors 0.2.0',
    '- abc: New.',
    '`polyak-safetensors-0.2.0.tgz`:',
    '```',
    '    1075  LICENSE',
    '    2000  package.json',
    '```',
  ]);
});
