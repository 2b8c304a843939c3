import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Manifest } from '../src/manifest.js';
import { type Candidate, problemsOf } from '../src/requirements.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

async function candidate(directory: string): Promise<Candidate> {
  const text = async (file: string): Promise<string> =>
    readFile(`${ROOT}/${directory}/${file}`, 'utf8');
  const manifest = JSON.parse(await text('package.json')) as Manifest;
  return { directory, manifest, readme: await text('README.md') };
}

describe('requirements of a release', async () => {
  const names = await readdir(`${ROOT}/packages`);

  it.each(names)('are met by %s', async (name) => {
    expect(problemsOf(await candidate(`packages/${name}`))).toEqual([]);
  });

  const cli = await candidate('packages/cli');
  const without = (field: keyof Manifest): Candidate => ({
    ...cli,
    manifest: { ...cli.manifest, [field]: undefined },
  });

  it.each([
    ['homepage', 'homepage is undefined, not https://github.com/polyak/polyak/tree'],
    ['bugs', 'bugs is undefined'],
    ['repository', 'repository.directory is undefined, not packages/cli'],
    ['engines', 'engines.node is undefined'],
    ['publishConfig', 'publishConfig.access is undefined, not public'],
    ['license', 'it has no license'],
    ['description', 'it has no description'],
    ['keywords', 'it has fewer than 3 keywords'],
  ] as const)('name a missing %s', (field, problem) => {
    expect(problemsOf(without(field)).join('\n')).toContain(`packages/cli: ${problem}`);
  });

  it.each([
    ['pin', '14.0.3'],
    ['pin of the catalog', 'catalog:'],
    ['pin of the workspace', 'workspace:*'],
    ['range without an end', '>=14'],
  ])('name a dependency by a %s', (_, range) => {
    for (const kind of ['dependencies', 'peerDependencies', 'optionalDependencies'] as const) {
      const manifest = { ...cli.manifest, [kind]: { commander: range } };
      expect(problemsOf({ ...cli, manifest })).toEqual([
        `packages/cli: it depends on commander ${range}, which is not a range with ^.`,
      ]);
    }
  });

  it('name a README without the line that installs, and one without an example', () => {
    const install = '```bash\nnpm install --global @polyak/cli\n```\n';
    const problems = (readme: string): readonly string[] => problemsOf({ ...cli, readme });
    expect(problems(install)).toEqual(['packages/cli: its README has no example.']);
    expect(problems('```bash\npolyak average\n```\n')).toEqual([
      'packages/cli: its README has no line that installs @polyak/cli.',
    ]);
  });
});
