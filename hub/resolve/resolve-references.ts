import { parseCniConfig } from '../../shared/model/cni-config.ts';
import type { ConfigMap } from '../../shared/model/config-map.ts';
import type { DataVolume } from '../../shared/model/data-volume-object.ts';
import type { ResourceObject } from '../../shared/model/kind.ts';
import type { References } from '../../shared/model/machine.ts';
import type { NetworkAttachmentDefinition } from '../../shared/model/network-attachment-definition.ts';
import type { Secret } from '../../shared/model/secret.ts';
import { isDeleting } from '../api/write/metadata.ts';
import type { Problem } from '../machines/carry-over.ts';
import type { Reference, ReferenceKind } from '../machines/references.ts';
import { targetOf } from '../machines/references.ts';
import { ownerOf } from '../machines/own-volume.ts';
import type { Tables } from '../ports.ts';

/** Reads what a machine names, so that its device has to ask nobody. */

export interface Resolved {
  /** Undefined where it names nothing. */
  readonly references: References | undefined;
  readonly problems: readonly Problem[];
}

interface Place {
  readonly namespace: string;
  readonly device: string;
}

type Found = { readonly content: unknown } | { readonly reason: string; readonly why: string };

const MEMBERS = {
  ConfigMap: 'configMaps',
  Secret: 'secrets',
  Network: 'networks',
  DataVolume: 'dataVolumes',
} as const satisfies Record<ReferenceKind, keyof References>;

export async function resolveReferences(
  tables: Tables,
  place: Place,
  references: readonly Reference[],
): Promise<Resolved> {
  const found: Record<string, Record<string, unknown>> = {};
  const problems: Problem[] = [];
  for (const reference of references) {
    const { kind, name, field, optional } = reference;
    const key = targetOf(reference, place.namespace);
    const object = await tables.objects.get(key);
    if (object === undefined && optional) continue;
    const member = MEMBERS[kind];
    const result: Found =
      object === undefined
        ? { reason: `${kind}NotFound`, why: 'which is not there' }
        : await readContent(tables, place, kind, object);
    if ('content' in result) {
      found[member] = { ...found[member], [name]: result.content };
      continue;
    }
    const { reason, why } = result;
    const what = kind === 'Network' ? 'NetworkAttachmentDefinition' : kind;
    const message = `${field} names ${what} ${key.namespace}/${key.name}, ${why}`;
    problems.push({ reason, message, missing: { member, name } });
  }
  return { references: Object.keys(found).length === 0 ? undefined : (found as References), problems };
}

async function readContent(
  tables: Tables,
  place: Place,
  kind: ReferenceKind,
  object: ResourceObject,
): Promise<Found> {
  switch (kind) {
    case 'ConfigMap': {
      const { data, binaryData } = object as ConfigMap;
      return { content: { ...(data && { data }), ...(binaryData && { binaryData }) } };
    }
    case 'Secret':
      return { content: { data: (object as Secret).data ?? {} } };
    case 'Network':
      return readNetwork(object as NetworkAttachmentDefinition);
    case 'DataVolume':
      return locateVolume(tables, place, object as unknown as DataVolume);
  }
}

function readNetwork({ spec }: NetworkAttachmentDefinition): Found {
  const reason = 'NetworkNotSupported';
  if (spec?.config === undefined) return { reason, why: 'which has no spec.config' };
  const read = parseCniConfig(spec.config);
  switch (read.kind) {
    case 'bridge':
      return { content: read.network };
    case 'other':
      return { reason, why: `which can't be used: ${read.why}` };
    case 'invalid':
      return { reason, why: "whose spec.config can't be read" };
  }
}

/** The entry in whose folder a data volume's disk is: its own, or that of the machine that it was made for. */
async function locateVolume({ machines }: Tables, { device }: Place, volume: DataVolume): Promise<Found> {
  const { metadata } = volume;
  if (isDeleting(metadata)) return { reason: 'DataVolumeDeleting', why: 'which is being deleted' };
  const owner = ownerOf(volume);
  const uid = owner?.uid ?? metadata.uid ?? '';
  const row = await machines.get(uid);
  if (row === undefined) {
    const why =
      owner === undefined ? 'which has no device yet' : `whose machine ${owner.name} has no device yet`;
    return { reason: 'DataVolumeNotPlaced', why };
  }
  if (row.removing) return { reason: 'DataVolumeDeleting', why: 'which is being deleted' };
  if (row.device !== device) {
    return {
      reason: 'DataVolumeElsewhere',
      why: `which is on device ${row.device}, and the machine on ${device}`,
    };
  }
  return { content: { uid, dataVolume: metadata.name } };
}
