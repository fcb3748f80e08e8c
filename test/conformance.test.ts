import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { admitWrite } from '../hub/admit.ts';
import { apiVersionOf } from '../shared/model/kind.ts';
import { KINDS } from '../shared/model/kinds.ts';
import { formatPath } from '../shared/model/validate.ts';
import type { TestApi } from './hub/api/start-api.ts';
import { startApi } from './hub/api/start-api.ts';
import type { ConformanceRow } from './tools/conformance.ts';
import {
  CONFORMANCE_FOLDER,
  CONFORMANCE_ROWS,
  describeAbsence,
  findConformanceFiles,
} from './tools/conformance.ts';

/**
 * Manifests written for KubeVirt, from a folder beside the checkout where there is one: the hub takes each, or refuses
 * it with reasons that lead to what is in it, just as the table in docs/conformance.md says. None is taken with
 * something of it left aside without a warning.
 */

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
}

interface Cause {
  readonly field: string;
  readonly reason: string;
  readonly message: string;
}

interface Verdict {
  readonly taken: boolean;
  readonly causes: readonly Cause[];
  /** What the hub says of it: causes of a refusal, or warnings. */
  readonly words: readonly string[];
}

/** Tried in the order of files' names: what is there may be needed by what follows. */
async function submit(api: TestApi, manifest: Manifest): Promise<Verdict> {
  const served = KINDS.find(
    (one) =>
      one.kind === manifest.kind &&
      one.versions.some((version) => apiVersionOf(one, version) === manifest.apiVersion),
  );
  if (served === undefined) return { taken: false, causes: [], words: ['this kind is not served'] };
  const root = manifest.apiVersion.includes('/') ? 'apis' : 'api';
  const scope = served.namespaced ? 'namespaces/default/' : '';
  const path = `/${root}/${manifest.apiVersion}/${scope}${served.plural}`;
  const { code, headers, body } = await api.call<{ details: { causes: Cause[] } }>('POST', path, manifest);
  expect([201, 422]).toContain(code);
  const warnings = [...(headers.get('warning') ?? '').matchAll(/299 - "((?:[^"\\]|\\.)*)"/g)].map(
    ([, text = '']) => {
      const plain = text.replaceAll(/\\(.)/g, '$1').replace(/^unknown field "(.*)"$/, '$1: unknown field');
      return `\`${plain.replace(': ', '`: ')}`;
    },
  );
  if (code === 201) return { taken: true, causes: [], words: warnings };
  const { causes } = body.details;
  // Without Kubernetes' word for the reason, which stands in front of it.
  const words = causes.map(({ field, message }) => `\`${field}\`: ${message.replace(/^[A-Z][a-z ]+: /, '')}`);
  return { taken: false, causes, words: [...warnings, ...words] };
}

/** Kinds of which machines run; others are taken for such machines to name. */
const RUN_KINDS = [
  'VirtualMachine',
  'VirtualMachineInstance',
  'VirtualMachineInstanceReplicaSet',
  'VirtualMachinePool',
];
const OUTCOMES = ['runs', 'waits', 'taken', 'refused'];

/** What the hub can tell of a row: a machine that it takes may still wait on its device, which says why. */
function asTheHubSeesIt(row: ConformanceRow): ConformanceRow {
  return row.outcome === 'waits' ? { ...row, outcome: 'runs', why: '' } : row;
}

function compileRow(file: string, kind: string, { taken, words }: Verdict): ConformanceRow {
  const outcome = RUN_KINDS.includes(kind) ? 'runs' : 'taken';
  const why = words.map((text) => text.replaceAll('|', '\\|')).join('<br>');
  return { file, kind, outcome: taken ? outcome : 'refused', why };
}

/** The path of everything in a document, as causes write it. */
function pathsOf(value: unknown, path: readonly PropertyKey[] = []): string[] {
  const here = formatPath(path);
  if (typeof value !== 'object' || value === null) return [here];
  const steps = Array.isArray(value) ? value.keys() : Object.keys(value);
  const members = value as Record<PropertyKey, unknown>;
  return [here, ...[...steps].flatMap((step) => pathsOf(members[step], [...path, step]))];
}

/** What a cause is about; of something that is missing, what it is missing from. */
function subjectOf({ field, reason }: Cause): string {
  return reason === 'FieldValueRequired' ? field.replace(/(?:\.[^.[\]]+|\[[^\]]*\])$/, '') : field;
}

const files = findConformanceFiles();

describe.skipIf(files.length === 0)(`manifests written for KubeVirt${describeAbsence(files)}`, () => {
  /** Rows as the hub would have them. */
  const said: ConformanceRow[] = [];
  let api: TestApi;
  beforeAll(async () => {
    api = await startApi({ admit: admitWrite });
  });
  afterAll(() => api.close());

  test.each(files.length === 0 ? ['none'] : files)(
    '%s is taken, or refused for what is in it',
    async (path) => {
      const documents = parseAllDocuments(readFileSync(join(CONFORMANCE_FOLDER, path), 'utf8'));
      const manifests = documents.map((document) => document.toJS() as Manifest | null);
      for (const manifest of manifests.filter((one) => one !== null)) {
        const verdict = await submit(api, manifest);
        const paths = new Set(pathsOf(manifest));
        said.push(compileRow(basename(path), manifest.kind, verdict));
        expect(verdict.causes.filter((cause) => !paths.has(subjectOf(cause)))).toEqual([]);
        expect(verdict.words.filter((text) => text.trim() === '')).toEqual([]);
      }
    },
  );

  // A file that the table does not have may be taken or refused.
  test('what comes of each is what docs/conformance.md says', () => {
    const listed = new Set(CONFORMANCE_ROWS.map(({ file }) => file));
    const there = new Set(files.map((path) => basename(path)));
    const rows = CONFORMANCE_ROWS.filter(({ file }) => there.has(file));
    expect(rows.length).toBeGreaterThan(0);
    expect(said.filter(({ file }) => listed.has(file))).toEqual(rows.map(asTheHubSeesIt));
  });
});

test('each row of the table has an outcome, and a reason where it does not run', () => {
  expect(CONFORMANCE_ROWS.length).toBeGreaterThan(10);
  for (const row of CONFORMANCE_ROWS) {
    const { outcome, why } = row;
    expect([row, OUTCOMES.includes(outcome)]).toEqual([row, true]);
    if (outcome === 'waits' || outcome === 'refused') expect([row, why]).not.toEqual([row, '']);
  }
});
