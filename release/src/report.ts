// What would be published, for people.
import { dependenciesOf } from './manifest.js';
import type { Tarball } from './tarball.js';

/** Markdown: a table of all packages, then the files and the changes of each. */
export function reportOf(
  tarballs: readonly Tarball[],
  changelogs: ReadonlyMap<string, string>,
): string {
  return [
    '# What would be published\n',
    tableOf(tarballs),
    ...tarballs.map((tarball) => detailsOf(tarball, changelogs.get(tarball.directory) ?? '')),
  ].join('\n');
}

/** A line for each package: name, version, sizes and dependencies. */
export function tableOf(tarballs: readonly Tarball[]): string {
  const rows = tarballs.map(({ manifest, packed, sizes }) => {
    const unpacked = [...sizes.values()].reduce((sum, size) => sum + size, 0);
    const dependencies = dependenciesOf(manifest).map((entry) => entry.join(' '));
    const cells = [
      manifest.name,
      manifest.version,
      `${sizes.size}`,
      kilobytes(packed),
      kilobytes(unpacked),
      dependencies.join(', '),
    ];
    return `| ${cells.join(' | ')} |\n`;
  });
  return (
    '| package | version | files | packed | unpacked | dependencies and peers |\n' +
    `| --- | --- | ---: | ---: | ---: | --- |\n${rows.join('')}`
  );
}

function detailsOf({ manifest, file, sizes }: Tarball, changelog: string): string {
  const files = [...sizes].toSorted(([left], [right]) => (left < right ? -1 : 1));
  const list = files.map(([path, size]) => `${String(size).padStart(8)}  ${path}`).join('\n');
  // The newest section of a changelog comes first; its title is the version.
  const [, section = ''] = changelog.split(/^## /m);
  const changes = section.replace(/^.*\n/, '');
  const fence = '```';
  return (
    `\n## ${manifest.name} ${manifest.version}\n${changes}\n` +
    `\`${file}\`:\n\n${fence}\n${list}\n${fence}\n`
  );
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} kB`;
}
