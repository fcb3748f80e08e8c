import type { ResourceObject } from '../../shared/model/kind.ts';
import type { Matcher, ProfileStatus } from '../../shared/model/matcher.ts';
import { isClusterWide } from '../../shared/model/matcher.ts';
import type { VirtualMachine } from '../../shared/model/virtual-machine.ts';
import type { ObjectKey } from '../ports.ts';

/** How a machine names its instancetype and its preference, and the copies of them that it goes by: pure. */

export type Profiled = 'instancetype' | 'preference';
export const PROFILED: readonly Profiled[] = ['instancetype', 'preference'];

const KINDS = { instancetype: 'Instancetype', preference: 'Preference' } as const;

/** The object that a matcher names, as it is now. */
export function originalKey(member: Profiled, matcher: Matcher, namespace: string): ObjectKey {
  const kind = `instancetype.kubevirt.io/${kindOf(member, matcher)}`;
  return { kind, namespace: isClusterWide(matcher) ? '' : namespace, name: matcher.name };
}

export function kindOf(member: Profiled, matcher: Matcher): string {
  return `VirtualMachine${isClusterWide(matcher) ? 'Cluster' : ''}${KINDS[member]}`;
}

/** KubeVirt's annotations of an instance for what it was made with: `kubevirt.io/cluster-instancetype-name`. */
export function nameAnnotations({ spec }: VirtualMachine): Record<string, string> {
  return Object.fromEntries(
    PROFILED.flatMap((member) => {
      const matcher = spec[member];
      if (matcher === undefined) return [];
      const scope = isClusterWide(matcher) ? 'cluster-' : '';
      return [[`kubevirt.io/${scope}${member}-name`, matcher.name]];
    }),
  );
}

export function revisionKey(namespace: string, name: string): ObjectKey {
  return { kind: 'apps/ControllerRevision', namespace, name };
}

/** The copy that a machine goes by: the one that it names itself, or the one that was kept when it first used it. */
export function keptRevision({ spec, status }: VirtualMachine, member: Profiled): string | undefined {
  const matcher = spec[member];
  if (matcher === undefined) return undefined;
  if (matcher.revisionName !== undefined) return matcher.revisionName;
  const ref = status?.[`${member}Ref`];
  return ref?.name === matcher.name && ref.kind === kindOf(member, matcher)
    ? ref.controllerRevisionRef?.name
    : undefined;
}

export function refOf(member: Profiled, matcher: Matcher, revision: string): ProfileStatus {
  const controllerRevisionRef = { name: revision };
  return { kind: kindOf(member, matcher), name: matcher.name, controllerRevisionRef };
}

/** KubeVirt's name for the copy of an object of one generation that a machine keeps. */
export function revisionName(machine: string, { metadata }: ResourceObject): string {
  const { name, uid = '', generation = 1 } = metadata;
  return `${machine}-${name}-v1beta1-${uid}-${generation}`;
}
