// Counts what several whole runs of the tests did, from vitest's JSON reports. A skipped test is a
// failure, unless it needs what one Node has and it passed on that one.
import { readFileSync } from 'node:fs';
import process from 'node:process';

/**
 * What one Node has, by the word for it in the names of tests: an addon that is built for one, and
 * an array that only the newer ones know.
 */
const OF_ONE_NODE = ['headlessgl', 'Float16Array'];

const runs = process.argv.slice(2).map((report) => {
  const { testResults } = JSON.parse(readFileSync(report, 'utf8'));
  const tests = testResults.flatMap(({ name: file, assertionResults }) =>
    assertionResults.map(({ fullName, status }) => ({ name: `${file} > ${fullName}`, status })),
  );
  return { report, tests };
});
const all = runs.flatMap(({ tests }) => tests);
const passed = all.filter(({ status }) => status === 'passed');
const failed = all.filter(({ status }) => status === 'failed');
const passedNames = new Set(passed.map(({ name }) => name));

const isAllowed = ({ name }) =>
  passedNames.has(name) && OF_ONE_NODE.some((addon) => name.includes(addon));

for (const { report, tests } of runs) {
  const skipped = tests.filter(({ status }) => status !== 'passed' && status !== 'failed');
  for (const { name } of skipped.filter((test) => !isAllowed(test))) {
    console.error(`A skipped test is a failure here: ${name} (${report})`);
    process.exitCode = 1;
  }
  for (const addon of OF_ONE_NODE) {
    const count = skipped.filter((test) => isAllowed(test) && test.name.includes(addon)).length;
    if (count > 0) console.log(`${count} tests of ${addon} ran on the other Node (${report})`);
  }
}
if (failed.length > 0) process.exitCode = 1;
const skipped = all.length - passed.length - failed.length;
console.log(`${passed.length} passed, ${failed.length} failed, ${skipped} skipped`);
