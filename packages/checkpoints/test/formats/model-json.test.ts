// What a model.json keeps beside its weights.
import { expect, it } from 'vitest';
import { copyOf, open } from './outputs.js';

const text = (content: string): Uint8Array => new TextEncoder().encode(content);
const TOPOLOGY = '{ "units": 1.0, "seed": 12345678901234567890, "units": [] }';
const modelJson = (topology: string): Uint8Array =>
  text(
    `{"modelTopology":${topology},"weightsManifest":[],"userDefinedMetadata":{"mine":1.0,` +
      '"polyak":{"by":"me","n":1}}}',
  );

it('keeps the text of its topology, and of the metadata of others', async () => {
  const checkpoint = await open(new Map([['model.json', modelJson(TOPOLOGY)]]), 'model.json');
  expect(checkpoint.metadata).toEqual({ by: 'me' });
  const copied = (await copyOf(checkpoint, 'model.json')).get('model.json');
  expect(new TextDecoder().decode(copied)).toBe(
    `{"modelTopology":${TOPOLOGY},"weightsManifest":[],"userDefinedMetadata":{"mine":1.0,` +
      '"polyak":{"by":"me"}}}',
  );
});

it.each(['[', '{"a":1', '1 2', '{}}', 'tru', ''])('refuses the topology %j', async (topology) => {
  const files = new Map([['model.json', modelJson(topology)]]);
  await expect(open(files, 'model.json')).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
});
