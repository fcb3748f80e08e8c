import type { KindDefinition } from '../../../shared/model/kind.ts';
import { apiVersionOf, verbsOf } from '../../../shared/model/kind.ts';
import { pathNotFound } from '../errors.ts';
import type { Subresource } from '../subresources/subresource.ts';
import { subresourcesOf } from '../subresources/registry.ts';

/** The documents by which clients find out what is served, as Kubernetes words them (meta/v1, apidiscovery/v2). */

const STATUS_VERBS = ['get', 'patch', 'update'];

const SCALE = { group: 'autoscaling', version: 'v1', kind: 'Scale' };

interface Group {
  /** Empty for the core group. */
  readonly name: string;
  /** The preferred one first. */
  readonly versions: readonly string[];
}

/** `/api` */
export function compileApiVersions(kinds: readonly KindDefinition[]): object {
  const versions = groupsOf(kinds).find(({ name }) => name === '')?.versions ?? [];
  return { kind: 'APIVersions', versions, serverAddressByClientCIDRs: [] };
}

/** `/apis` */
export function compileGroupList(kinds: readonly KindDefinition[]): object {
  const groups = groupsOf(kinds).filter(({ name }) => name !== '');
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.map(describeGroup) };
}

/** `/apis/GROUP`; @throws ApiError 404 */
export function compileGroup(kinds: readonly KindDefinition[], name: string): object {
  const group = groupsOf(kinds).find((known) => known.name === name);
  if (group === undefined || name === '') throw pathNotFound();
  return { kind: 'APIGroup', apiVersion: 'v1', ...describeGroup(group) };
}

/** `/api/v1` and `/apis/GROUP/VERSION`; @throws ApiError 404 */
export function compileResourceList(
  kinds: readonly KindDefinition[],
  group: string,
  version: string,
): object {
  const served = kindsOf(kinds, group, version);
  const beside = subresourcesIn(kinds, group, version);
  if (served.length === 0 && beside.length === 0) throw pathNotFound();
  const resources = served.flatMap((kind) => {
    const common = { namespaced: kind.namespaced, kind: kind.kind };
    const { singular: singularName } = kind;
    const whole = { name: kind.plural, singularName, ...common, verbs: verbsOf(kind), ...namesOf(kind) };
    const status = { name: `${kind.plural}/status`, singularName: '', ...common, verbs: STATUS_VERBS };
    const scale = {
      name: `${kind.plural}/scale`,
      singularName: '',
      ...common,
      ...SCALE,
      verbs: STATUS_VERBS,
    };
    return [
      whole,
      ...(kind.statusSubresource ? [status] : []),
      ...(kind.scaleSubresource === true ? [scale] : []),
    ];
  });
  // Python's client and Ansible's, as distributions have them, fail on a name of three parts, and then know no kind.
  const named = beside.filter(({ name }) => !name.includes('/'));
  const subresources = named.map(({ kind, name, verb, responseKind }) => ({
    name: `${kind.plural}/${name}`,
    singularName: '',
    namespaced: kind.namespaced,
    kind: responseKind,
    verbs: [verb],
  }));
  const groupVersion = group === '' ? version : `${group}/${version}`;
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion,
    resources: [...resources, ...subresources],
  };
}

export function aggregatedTypeOf(version: string): string {
  return `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
}

/** All of `/api` (`core`) or of `/apis` in one document, in a version of `apidiscovery.k8s.io`. */
export function compileAggregatedDiscovery(
  kinds: readonly KindDefinition[],
  core: boolean,
  documentVersion: string,
): object {
  const items = groupsOf(kinds)
    .filter(({ name }) => (name === '') === core)
    .map(({ name, versions }) => ({
      metadata: { name },
      versions: versions.map((version) => ({
        version,
        freshness: 'Current',
        resources: describeResources(kinds, name, version),
      })),
    }));
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${documentVersion}`,
    metadata: {},
    items,
  };
}

function describeResources(kinds: readonly KindDefinition[], group: string, version: string): object[] {
  const served = kindsOf(kinds, group, version);
  const beside = subresourcesIn(kinds, group, version);
  const others = [...new Set(beside.map(({ kind }) => kind))].filter((kind) => !served.includes(kind));
  return [
    ...served.map((kind) => describeResource(kind, version, beside)),
    // A kind of another group, that has only subresources in this one: without a response kind it is not taken for served.
    ...others.map((kind) => ({
      resource: kind.plural,
      scope: scopeOf(kind),
      verbs: [],
      subresources: describeSubresources(kind, version, beside),
    })),
  ];
}

function describeResource(kind: KindDefinition, version: string, beside: readonly Subresource[]): object {
  const responseKind = { group: kind.group, version, kind: kind.kind };
  const status = { subresource: 'status', responseKind, verbs: STATUS_VERBS };
  const scale = { subresource: 'scale', responseKind: SCALE, verbs: STATUS_VERBS };
  const subresources = [
    ...(kind.statusSubresource ? [status] : []),
    ...(kind.scaleSubresource === true ? [scale] : []),
    ...describeSubresources(kind, version, beside),
  ];
  return {
    resource: kind.plural,
    responseKind,
    scope: scopeOf(kind),
    singularResource: kind.singular,
    verbs: verbsOf(kind),
    ...namesOf(kind),
    ...(subresources.length > 0 && { subresources }),
  };
}

function describeSubresources(
  kind: KindDefinition,
  version: string,
  beside: readonly Subresource[],
): object[] {
  return beside
    .filter((one) => one.kind === kind)
    .map(({ group, name, verb, responseKind }) => ({
      subresource: name,
      responseKind: { group, version, kind: responseKind },
      verbs: [verb],
    }));
}

/** Short names and categories, left out where there are none. */
function namesOf({ shortNames, categories }: KindDefinition) {
  return { ...(shortNames.length > 0 && { shortNames }), ...(categories.length > 0 && { categories }) };
}

function scopeOf({ namespaced }: KindDefinition): string {
  return namespaced ? 'Namespaced' : 'Cluster';
}

function describeGroup({ name, versions }: Group) {
  const described = versions.map((version) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions: described, preferredVersion: described[0] };
}

/** The groups in the order of their kinds. */
export function groupsOf(kinds: readonly KindDefinition[]): Group[] {
  const served = [...kinds, ...subresourcesOf(kinds)];
  const names = [...new Set(served.map(({ group }) => group))];
  return names.map((name) => {
    const versions = served.filter(({ group }) => group === name).flatMap((one) => one.versions);
    return { name, versions: [...new Set(versions)] };
  });
}

export function kindsOf(kinds: readonly KindDefinition[], group: string, version: string): KindDefinition[] {
  return kinds.filter((kind) => kind.group === group && kind.versions.includes(version));
}

function subresourcesIn(kinds: readonly KindDefinition[], group: string, version: string): Subresource[] {
  return subresourcesOf(kinds).filter((one) => one.group === group && one.versions.includes(version));
}

/** `apis/kubevirt.io/v1`, or `api/v1`: where a group's version is found. */
export function rootOf(kind: KindDefinition, version: string): string {
  return `${kind.group === '' ? 'api' : 'apis'}/${apiVersionOf(kind, version)}`;
}
