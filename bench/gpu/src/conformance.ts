// The conformance suite as a count, with the tests that failed.
import { backendConformance } from '@polyak/core/conformance';
import type { AnyRuntime } from './runtime.js';

/** What the suite found. */
export interface Conformance {
  readonly passed: number;
  /** Tests about what the backend says that it lacks. */
  readonly skipped: number;
  readonly failed: readonly { readonly name: string; readonly message: string }[];
}

/** Runs the suite on a runtime. */
export async function conformanceOf(
  runtime: AnyRuntime,
  maxElements: number,
): Promise<Conformance> {
  let [passed, skipped] = [0, 0];
  const failed: { name: string; message: string }[] = [];
  for (const { name, run } of backendConformance(() => runtime.harness(), { maxElements })) {
    try {
      if ((await run()).kind === 'passed') passed += 1;
      else skipped += 1;
    } catch (error) {
      failed.push({ name, message: error instanceof Error ? error.message : String(error) });
    }
  }
  return { passed, skipped, failed };
}
