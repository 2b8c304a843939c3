// The example: trains by a fleet, prints a table and writes a page.
import { mkdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { callerFolder } from '@polyak/example-shared/command-line';
import { hasRedis } from '@polyak/example-shared/local-redis';
import { writeWhole } from '@polyak/example-shared/write-whole';
import { parseOptions } from './options.js';
import { renderReport } from './report.js';
import { runDemo } from './run.js';
import { formatTable } from './table.js';

const options = parseOptions(process.argv.slice(2));
const print = (text: string): void => void process.stdout.write(`${text}\n`);
if (options.redis === undefined && !hasRedis()) {
  process.stderr.write(
    'demo:fleet: there is no redis-server to start. Install it (Debian and Ubuntu: ' +
      'apt install redis-server; macOS: brew install redis), or pass --redis URL of one that ' +
      'runs.\n',
  );
  process.exit(1);
}
try {
  const result = await runDemo(options, print);
  const page = join(options.output, 'report.html');
  await mkdir(options.output, { recursive: true });
  await writeWhole(page, renderReport(result));
  print(`\n${formatTable(result.rows)}\n\nReport: ${relative(callerFolder, page)}`);
} catch (error) {
  // Left to Node, an error would come after the whole source of tfjs's wasm module.
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
}
