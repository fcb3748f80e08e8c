import { isRecord } from '../../shared/base/record.ts';
import type { ObjectKey } from '../ports.ts';
import type { MachineObject } from './desired.ts';
import { findAt, itemsAt } from './expansion.ts';

/** The objects that a machine's spec names: pure, and by the form of the spec alone, whatever else is in it. */

export type ReferenceKind = 'ConfigMap' | 'Secret' | 'Network' | 'DataVolume';

export interface Reference {
  readonly kind: ReferenceKind;
  /** As the spec has it: a network's may have a namespace in front of it. */
  readonly name: string;
  /** Where it is named, in the instance's spec or in the data volume templates. */
  readonly field: string;
  /** The machine does without, where it is not there. */
  readonly optional: boolean;
}

/** In a volume: where a name stands, and of what. */
const IN_VOLUME: readonly (readonly [string, ReferenceKind])[] = [
  ['cloudInitNoCloud.secretRef.name', 'Secret'],
  ['cloudInitNoCloud.networkDataSecretRef.name', 'Secret'],
  ['cloudInitConfigDrive.secretRef.name', 'Secret'],
  ['cloudInitConfigDrive.networkDataSecretRef.name', 'Secret'],
  ['configMap.name', 'ConfigMap'],
  ['secret.secretName', 'Secret'],
  ['sysprep.configMap.name', 'ConfigMap'],
  ['sysprep.secret.name', 'Secret'],
  ['containerDisk.imagePullSecret', 'Secret'],
  ['dataVolume.name', 'DataVolume'],
  ['persistentVolumeClaim.claimName', 'DataVolume'],
  ['ephemeral.persistentVolumeClaim.claimName', 'DataVolume'],
];
/** A claim that names no data volume may be one of the box's own. */
const CLAIM = /claimName$/;

const IN_CREDENTIAL = ['sshPublicKey.source.secret.secretName', 'userPassword.source.secret.secretName'];

const IN_SOURCE: readonly (readonly [string, ReferenceKind])[] = [
  ['http.certConfigMap', 'ConfigMap'],
  ['http.secretRef', 'Secret'],
  ['registry.certConfigMap', 'ConfigMap'],
  ['registry.secretRef', 'Secret'],
  ['pvc.name', 'DataVolume'],
];

/** What an instance's spec names. */
export function findReferences(spec: object): Reference[] {
  const found: Reference[] = [];
  const add = (kind: ReferenceKind, name: unknown, field: string, optional = false) => {
    if (typeof name === 'string' && name !== '') found.push({ kind, name, field, optional });
  };
  for (const { item, path } of itemsAt(spec, 'volumes')) {
    for (const [member, kind] of IN_VOLUME) {
      const [source = ''] = member.split('.');
      const isOptional = isRecord(item[source]) && item[source]['optional'] === true;
      add(kind, findAt(item, member), `${path}.${member}`, isOptional || CLAIM.test(member));
    }
  }
  for (const { item, path } of itemsAt(spec, 'accessCredentials')) {
    for (const member of IN_CREDENTIAL) add('Secret', findAt(item, member), `${path}.${member}`);
  }
  for (const { item, path } of itemsAt(spec, 'networks')) {
    add('Network', findAt(item, 'multus.networkName'), `${path}.multus.networkName`);
  }
  const pullSecret = 'domain.firmware.kernelBoot.container.imagePullSecret';
  add('Secret', findAt(spec, pullSecret), pullSecret);
  return found;
}

/** What the source of a data volume names; `field` is where its spec stands. */
export function findSourceReferences(spec: object, field: string): Reference[] {
  const source = findAt(spec, 'source');
  const single = IN_SOURCE.map(([member, kind]) => ({ kind, member, name: findAt(source, member) }));
  const headers = findAt(source, 'http.secretExtraHeaders');
  const listed = (Array.isArray(headers) ? headers : []).map((name: unknown, index) => {
    return { kind: 'Secret' as const, member: `http.secretExtraHeaders[${index}]`, name };
  });
  return [...single, ...listed].flatMap(({ kind, member, name }) =>
    typeof name === 'string' && name !== ''
      ? [{ kind, name, field: `${field}.source.${member}`, optional: false }]
      : [],
  );
}

/** A namespace from which a data volume is to be cloned that is not its own; undefined where there is none. */
export function findForeignClone(spec: object, namespace: string): string | undefined {
  const given = findAt(spec, 'source.pvc.namespace');
  return typeof given === 'string' && given !== '' && given !== namespace ? given : undefined;
}

/** All that a machine names, with the paths of its object. What its own data volume templates make is not among it. */
export function referencesOf(object: MachineObject): Reference[] {
  if (object.kind === 'VirtualMachineInstance') return prefix(findReferences(object.spec), 'spec');
  const { template, dataVolumeTemplates = [] } = object.spec;
  const own = new Set(dataVolumeTemplates.map(({ metadata }) => metadata.name));
  const named = prefix(findReferences(template.spec), 'spec.template.spec');
  return [
    ...named.filter(({ kind, name }) => kind !== 'DataVolume' || !own.has(name)),
    ...dataVolumeTemplates.flatMap(({ spec }, index) =>
      findSourceReferences(spec, `spec.dataVolumeTemplates[${index}].spec`),
    ),
  ];
}

function prefix(references: readonly Reference[], path: string): Reference[] {
  return references.map((reference) => ({ ...reference, field: `${path}.${reference.field}` }));
}

const GROUP_KINDS: Readonly<Record<ReferenceKind, string>> = {
  ConfigMap: '/ConfigMap',
  Secret: '/Secret',
  Network: 'k8s.cni.cncf.io/NetworkAttachmentDefinition',
  DataVolume: 'cdi.kubevirt.io/DataVolume',
};

/** The object that a reference means, named from a machine in `namespace`. */
export function targetOf({ kind, name }: Pick<Reference, 'kind' | 'name'>, namespace: string): ObjectKey {
  const [first = '', second] = name.split('/', 2);
  const isQualified = kind === 'Network' && second !== undefined;
  return isQualified
    ? { kind: GROUP_KINDS[kind], namespace: first, name: second }
    : { kind: GROUP_KINDS[kind], namespace, name };
}
