// The fields of a package.json that matter for a release.

/** A package.json, as far as a release reads it. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly description?: string;
  readonly keywords?: readonly string[];
  readonly license?: string;
  readonly homepage?: string;
  readonly bugs?: string;
  readonly repository?: { readonly url?: string; readonly directory?: string };
  readonly engines?: Readonly<Record<string, string>>;
  readonly publishConfig?: { readonly access?: string; readonly provenance?: boolean };
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** The names and ranges of what the package needs where it is installed. */
export function dependenciesOf(manifest: Manifest): readonly (readonly [string, string])[] {
  const { dependencies = {}, peerDependencies = {}, optionalDependencies = {} } = manifest;
  return [dependencies, peerDependencies, optionalDependencies].flatMap(Object.entries<string>);
}
