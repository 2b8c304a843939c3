// The public API of each entry of each package, as reports in `api/`. Fails where they differ from
// what the packages export; with `--update`, writes them anew.
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import process from 'node:process';
import {
  CompilerState,
  Extractor,
  ExtractorConfig,
  ExtractorLogLevel,
} from '@microsoft/api-extractor';
import { ROOT, report } from './sources.js';

const FOLDER = join(ROOT, 'api');
const UPDATE = 'npx -y pnpm@12 api';
// Where reports are written before they are compared; not in `dist`, which is published.
const TEMPORARY = mkdtempSync(join(tmpdir(), 'polyak-api-'));
const isUpdate = process.argv.includes('--update');

/** The entries of a package: the names of its reports, and its declarations. */
function entriesOf(folder) {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return Object.entries(manifest.exports).flatMap(([path, { types }]) =>
    types === undefined
      ? []
      : [{ folder, name: join(basename(folder), path).replaceAll('/', '-'), types }],
  );
}

function configOf({ folder, name, types }) {
  const none = { default: { logLevel: 'none' } };
  return ExtractorConfig.prepare({
    configObject: {
      projectFolder: folder,
      mainEntryPointFilePath: join(folder, types),
      newlineKind: 'lf',
      compiler: {
        overrideTsconfig: {
          // As at a user's: what is built, not the sources.
          compilerOptions: {
            target: 'ES2022',
            lib: ['ES2023', 'DOM'],
            module: 'NodeNext',
            strict: true,
            skipLibCheck: true,
            types: ['node'],
          },
        },
      },
      apiReport: {
        enabled: true,
        reportFileName: name,
        reportFolder: FOLDER,
        reportTempFolder: TEMPORARY,
        includeForgottenExports: true,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        compilerMessageReporting: { default: { logLevel: 'warning' } },
        // Doc comments are typedoc's and oxlint's matter.
        extractorMessageReporting: none,
        tsdocMessageReporting: none,
      },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(folder, 'package.json'),
  });
}

const configs = readdirSync(join(ROOT, 'packages'))
  .map((name) => join(ROOT, 'packages', name))
  .flatMap(entriesOf)
  .map(configOf);
const [first, ...others] = configs;
// One program for all: each alone would compile what it imports again.
const compilerState = CompilerState.create(first, {
  additionalEntryPoints: others.map(({ mainEntryPointFilePath }) => mainEntryPointFilePath),
});
mkdirSync(FOLDER, { recursive: true });
const problems = [];
for (const config of configs) {
  const name = basename(config.reportFilePath);
  const result = Extractor.invoke(config, {
    compilerState,
    localBuild: isUpdate,
    printApiReportDiff: true,
    messageCallback(message) {
      const { Error: error, Warning: warning } = ExtractorLogLevel;
      if (message.logLevel === error || message.logLevel === warning) {
        if (message.messageId !== 'console-api-report-not-copied') console.error(message.text);
      }
      message.handled = true;
    },
  });
  if (result.errorCount > 0) problems.push(`api/${name}: ${result.errorCount} errors.`);
  if (result.apiReportChanged && !isUpdate) {
    problems.push(
      `api/${name} is not what the package exports. Where the change is meant, run ${UPDATE} and ` +
        'commit it.',
    );
  }
}
// A report of an entry that is gone.
const known = new Set(configs.map(({ reportFilePath }) => basename(reportFilePath)));
for (const name of readdirSync(FOLDER)) {
  if (known.has(name)) continue;
  if (isUpdate) rmSync(join(FOLDER, name));
  else problems.push(`api/${name} is of no entry. Run ${UPDATE}.`);
}
rmSync(TEMPORARY, { recursive: true });
report(problems);
