import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { apiVersionOf } from '../shared/model/kind.ts';
import { KINDS } from '../shared/model/kinds.ts';
import type { FieldCause } from '../shared/model/validate.ts';
import { formatPath, validate } from '../shared/model/validate.ts';

/**
 * Manifests written for KubeVirt, from a folder beside the checkout where there is one: each is taken as it is, or
 * refused with reasons that lead to what is in it. None is taken with something of it left aside.
 */

const FOLDER = join(import.meta.dirname, '../../shared/conformance');

const MACHINE = 'spec.template.spec';
const INSTANCE = 'spec';

/** The first volume is an image from a registry: that is not supported, and it has no other source. */
const registryImage = (spec: string) => [
  `${spec}.volumes[0].containerDisk NotSupported`,
  `${spec}.volumes[0] Invalid`,
];

/** Of known files, every reason for which each is refused. A file that is not here may be taken or refused. */
const EXPECTED: Readonly<Record<string, readonly string[]>> = {
  'csmall.yaml': ['kind VirtualMachineInstancetype is not served'],
  'vm-pool-cirros.yaml': ['kind VirtualMachinePool is not served'],
  'vm-alpine-datavolume.yaml': [
    'spec.dataVolumeTemplates[0].spec.source.registry NotSupported',
    'spec.dataVolumeTemplates[0].spec.source Invalid',
  ],
  'vm-cirros.yaml': registryImage(MACHINE),
  'vm-cirros-sata.yaml': registryImage(MACHINE),
  'vm-cirros-csmall.yaml': ['spec.instancetype NotSupported', ...registryImage(MACHINE)],
  'vmi-alpine-efi.yaml': ['spec.domain.firmware.bootloader.efi NotSupported', ...registryImage(INSTANCE)],
  'vmi-ephemeral.yaml': registryImage(INSTANCE),
  'vmi-gpu.yaml': ['spec.domain.devices.gpus NotSupported', ...registryImage(INSTANCE)],
  'vmi-kernel-boot.yaml': ['spec.domain.firmware.kernelBoot.container.image Invalid'],
  'vmi-masquerade.yaml': registryImage(INSTANCE),
  'vmi-multus-ptp.yaml': registryImage(INSTANCE),
  'vmi-nocloud.yaml': registryImage(INSTANCE),
  'vmi-with-sidecar-hook.yaml': registryImage(INSTANCE),
  'container-trends-testvm.yaml': registryImage(MACHINE),
  'openshift-virtualization-test-vm.yaml': [
    'metadata.label Forbidden',
    'spec.dataVolumeTemplates[0].spec.source.http.url Invalid',
    ...registryImage(MACHINE),
  ],
};

interface Verdict {
  readonly document: unknown;
  readonly unserved?: string;
  readonly causes: readonly FieldCause[];
}

function judge(document: unknown): Verdict {
  const { apiVersion = '', kind = '' } = document as { apiVersion?: string; kind?: string };
  const served = KINDS.find(
    (one) => one.kind === kind && one.versions.some((version) => apiVersionOf(one, version) === apiVersion),
  );
  if (served === undefined) return { document, unserved: `kind ${kind} is not served`, causes: [] };
  const result = validate(served.schema, document);
  return { document, causes: result.ok ? [] : result.causes };
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
function subjectOf({ field, reason }: FieldCause): string {
  return reason === 'FieldValueRequired' ? field.replace(/(?:\.[^.[\]]+|\[[^\]]*\])$/, '') : field;
}

function findFiles(): string[] {
  if (!existsSync(FOLDER)) return [];
  return readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.ya?ml$/.test(path))
    .sort();
}

const files = findFiles();
const absence = files.length > 0 ? '' : ' (left out: there is no ../shared/conformance beside the checkout)';

describe.skipIf(files.length === 0)(`manifests written for KubeVirt${absence}`, () => {
  test.each(files.length === 0 ? ['none'] : files)('%s is taken, or refused for what is in it', (path) => {
    const documents = parseAllDocuments(readFileSync(join(FOLDER, path), 'utf8'));
    const verdicts = documents.map((document) => judge(document.toJS()));
    expect(verdicts.length).toBeGreaterThan(0);

    for (const { document, causes } of verdicts) {
      const paths = new Set(pathsOf(document));
      expect(causes.filter((cause) => !paths.has(subjectOf(cause)))).toEqual([]);
      expect(causes.filter(({ message }) => message.trim() === '')).toEqual([]);
    }

    const expected = EXPECTED[basename(path)];
    const reasons = verdicts.flatMap(({ unserved, causes }) =>
      unserved === undefined
        ? causes.map(({ field, reason }) => `${field} ${reason.replace('FieldValue', '')}`)
        : [unserved],
    );
    if (expected !== undefined) expect(reasons.toSorted()).toEqual(expected.toSorted());
  });
});
