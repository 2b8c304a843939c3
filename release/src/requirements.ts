// What each package must have before it is published.
import { dependenciesOf, type Manifest } from './manifest.js';

const REPOSITORY = 'https://github.com/polyak/polyak';

/** A package in its folder, or as it was packed. */
export interface Candidate {
  /** Its folder in the repository: `packages/core`. */
  readonly directory: string;
  readonly manifest: Manifest;
  readonly readme: string;
}

/**
 * What a package lacks for a release.
 *
 * @returns a sentence for each; none where it can be published
 */
export function problemsOf(candidate: Candidate): readonly string[] {
  const { manifest } = candidate;
  const problems = [
    ...fieldProblems(candidate),
    ...readmeProblems(candidate.readme, manifest.name),
    ...rangeProblems(manifest),
  ];
  return problems.map((problem) => `${candidate.directory}: ${problem}`);
}

function fieldProblems({ directory, manifest }: Candidate): readonly string[] {
  const expected = new Map<string, readonly [found: unknown, expected: unknown]>([
    ['homepage', [manifest.homepage, `${REPOSITORY}/tree/main/${directory}#readme`]],
    ['bugs', [manifest.bugs, `${REPOSITORY}/issues`]],
    ['repository.url', [manifest.repository?.url, `git+${REPOSITORY}.git`]],
    ['repository.directory', [manifest.repository?.directory, directory]],
    ['engines.node', [manifest.engines?.['node'], '>=20.19']],
    ['publishConfig.access', [manifest.publishConfig?.access, 'public']],
    ['publishConfig.provenance', [manifest.publishConfig?.provenance, true]],
  ]);
  const problems = [...expected]
    .filter(([, [found, value]]) => found !== value)
    .map(([field, [found, value]]) => `${field} is ${String(found)}, not ${String(value)}.`);
  if (!manifest.license?.includes('MIT')) problems.push('it has no license.');
  if (!manifest.description) problems.push('it has no description.');
  if ((manifest.keywords?.length ?? 0) < 3) problems.push('it has fewer than 3 keywords.');
  return problems;
}

function readmeProblems(readme: string, name: string): readonly string[] {
  const blocks = [...readme.matchAll(/```(\w+)\n([\s\S]*?)```/g)];
  const has = (language: RegExp, text: RegExp): boolean =>
    blocks.some(([, tag = '', code = '']) => language.test(tag) && text.test(code));
  const install = new RegExp(`(npm install|npx).* ${name}\\b`);
  const problems: string[] = [];
  if (!has(/^(ba)?sh$/, install)) problems.push(`its README has no line that installs ${name}.`);
  if (!has(/^(ts|js|(ba)?sh)$/, /^(?!npm install).+$/m)) {
    problems.push('its README has no example.');
  }
  return problems;
}

/** Ranges, not pins: a fix of a dependency must reach users without a release of ours. */
function rangeProblems(manifest: Manifest): readonly string[] {
  return dependenciesOf(manifest)
    .filter(([, range]) => !/^(\^\d|workspace:\^$)/.test(range))
    .map(([name, range]) => `it depends on ${name} ${range}, which is not a range with ^.`);
}
