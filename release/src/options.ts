// The options of the command line, and where it may publish.
import process from 'node:process';
import { Command } from 'commander';

/** What the command does. */
export interface Options {
  /** Publishes nothing. */
  readonly dryRun: boolean;
}

/** The workflow that publishes; npm trusts it and no other. */
const WORKFLOW = '.github/workflows/release.yml';

/**
 * The options in `args`. Prints the help and ends the process with code 0, or an error with
 * code 2.
 */
export function parseOptions(args: readonly string[], environment = process.env): Options {
  const command = new Command('release')
    .description(
      'Builds, checks and packs all packages at the versions that changesets gives them, in a ' +
        'clone of the last commit. Writes tarballs, changelogs, SBOMs and a report to .release.',
    )
    .option('--dry-run', 'publish nothing', false)
    .showSuggestionAfterError(false) // a refusal is one line
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .parse(args, { from: 'user' });
  const options = command.opts<Options>();
  if (!options.dryRun && !isReleaseWorkflow(environment)) {
    command.error(
      `release: this is not the workflow ${WORKFLOW}, which alone publishes. ` +
        'Add --dry-run to see what it would publish.',
    );
  }
  return options;
}

/** Whether this process runs in the workflow that publishes. */
export function isReleaseWorkflow(environment: Readonly<NodeJS.ProcessEnv>): boolean {
  return (
    environment['GITHUB_ACTIONS'] === 'true' &&
    environment['GITHUB_WORKFLOW_REF']?.includes(`/${WORKFLOW}@`) === true
  );
}
