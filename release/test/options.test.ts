import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { isReleaseWorkflow } from '../src/options.js';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const WORKFLOW = 'polyak/polyak/.github/workflows/release.yml@refs/heads/main';

describe('release without --dry-run', () => {
  it('is refused outside the workflow, with what to do', () => {
    const { GITHUB_ACTIONS: _, ...env } = process.env;
    const command = ['--import', import.meta.resolve('tsx'), main];
    // Should it not be refused, nothing can be published.
    const registry = { npm_config_registry: 'http://127.0.0.1:9' };
    const { status, stdout, stderr } = spawnSync(process.execPath, command, {
      env: { ...env, ...registry },
      timeout: 60_000,
    });
    expect(String(stderr)).toMatch(/^release: this is not the workflow .*release\.yml.*--dry-run/);
    expect({ status, stdout: String(stdout) }).toEqual({ status: 2, stdout: '' });
  });

  it('is allowed in the release workflow of GitHub Actions, and in no other', () => {
    expect(isReleaseWorkflow({ GITHUB_ACTIONS: 'true', GITHUB_WORKFLOW_REF: WORKFLOW })).toBe(true);
    const ci = WORKFLOW.replace('release.yml', 'ci.yml');
    expect(isReleaseWorkflow({ GITHUB_ACTIONS: 'true', GITHUB_WORKFLOW_REF: ci })).toBe(false);
    expect(isReleaseWorkflow({ GITHUB_WORKFLOW_REF: WORKFLOW })).toBe(false);
    expect(isReleaseWorkflow({})).toBe(false);
  });
});
