// The version of this package, as it stands in the record of what made a file.

/** The version in package.json, which a browser cannot read. */
export const VERSION = '0.0.0';
