// The published suite: what every backend must do.
import { templateBackend, templateParameter } from '@polyak/backend-template';
import type { TemplateTensor } from '@polyak/backend-template';
import { backendConformance } from '@polyak/core/conformance';
import { it } from 'vitest';

const tests = backendConformance(() => {
  const backend = templateBackend();
  return {
    backend,
    async parameter(name, tensor) {
      const [held] = await backend.upload([tensor]);
      return templateParameter(name, held as TemplateTensor);
    },
    liveTensors: () => backend.memory().tensors,
  };
});

it.for(tests)('$name', async ({ run }, { skip }) => {
  const outcome = await run();
  if (outcome.kind === 'skipped') skip(outcome.reason);
});
