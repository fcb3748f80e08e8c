import type { DataVolume } from '../../shared/model/data-volume-object.ts';
import { findForeignClone, findSourceReferences } from '../machines/references.ts';
import type { Tables } from '../ports.ts';
import { describeForeignClone } from './resolve-machine.ts';
import type { Resolved } from './resolve-references.ts';
import { resolveReferences } from './resolve-references.ts';

/** The content of all that a data volume of its own names, for the device that it is on. */
export async function resolveVolume(
  tables: Tables,
  { metadata, spec }: DataVolume,
  device: string,
): Promise<Resolved> {
  const { namespace = '' } = metadata;
  const resolved = await resolveReferences(tables, { namespace, device }, findSourceReferences(spec, 'spec'));
  const foreign = findForeignClone(spec, namespace);
  if (foreign === undefined) return resolved;
  const problem = describeForeignClone('spec.source.pvc.namespace', foreign, namespace);
  return { ...resolved, problems: [...resolved.problems, problem] };
}
