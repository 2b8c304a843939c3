// What the tests import as `vitest` while they meet mutants: the same matchers, and a list of tests
// instead of a runner.
import { format } from 'node:util';

import {
  ASYMMETRIC_MATCHERS_OBJECT,
  customMatchers,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
} from '@vitest/expect';
import { fn, spyOn } from '@vitest/spy';
import * as chai from 'chai';

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);

export const expect = Object.assign((...given) => chai.expect(...given), chai.expect);
expect.extend(expect, customMatchers);
Object.defineProperties(
  expect,
  Object.getOwnPropertyDescriptors(globalThis[ASYMMETRIC_MATCHERS_OBJECT]),
);

/** All tests that files registered: their names, with those of their `describe`, and functions. */
export const tests = [];
let suites = [];
const begun = new Set();

export function describe(name, body) {
  const outer = suites;
  suites = [...outer, { name, before: [], after: [] }];
  body();
  suites = outer;
}

export function it(name, body) {
  const around = suites;
  const run = async () => {
    for (const suite of around) {
      if (begun.has(suite)) continue;
      begun.add(suite);
      for (const hook of suite.before) await hook();
    }
    return body(CONTEXT);
  };
  tests.push({ name: [...around.map((suite) => suite.name), name].join(' > '), run });
}

export const beforeAll = (hook) => suites.at(-1).before.push(hook);
export const afterAll = (hook) => suites.at(-1).after.push(hook);

/** Ends the suites that began. What a hook is to undo may not have been done: some tests ran. */
export async function endSuites() {
  for (const { after } of begun) {
    for (const hook of after)
      await Promise.resolve()
        .then(hook)
        .catch(() => {});
  }
  begun.clear();
}

const CONTEXT = { skip() {} };

/** `register` for each row, whose values are in the name: `%s` in their order, `$key` by key. */
function each(register) {
  return (rows) => (name, body) => {
    const areLists = rows.every((row) => Array.isArray(row));
    for (const row of rows) {
      const values = areLists ? row : [row];
      const shown = values.slice(0, name.match(/%\w/g)?.length ?? 0);
      const named = name.replaceAll(/\$(\w+)/g, (_, key) => row[key]);
      register(format(named, ...shown), () => body(...values));
    }
  };
}
describe.each = each(describe);
it.each = each(it);

const stubbed = new Map();
export const vi = {
  fn,
  spyOn,
  stubGlobal(name, value) {
    if (!stubbed.has(name)) stubbed.set(name, globalThis[name]);
    globalThis[name] = value;
  },
  unstubAllGlobals() {
    for (const [name, value] of stubbed) globalThis[name] = value;
    stubbed.clear();
  },
};
