import type { DataVolumeSource } from '../../shared/model/data-volume-source.ts';
import type { References } from '../../shared/model/machine.ts';
import type { ContainerDisk } from '../../shared/model/volume/container-disk.ts';
import { formatImageReference, parseImageReference } from '../../shared/base/image-reference.ts';
import { assert } from '../../shared/base/assert.ts';
import { decodeText } from './base64.ts';

/** Where a base image comes from. */
export interface ImageSource {
  /**
   * `http://` or `https://`; `docker://HOST/REPOSITORY:TAG`, with nothing left out; `clone:` or `upload:`, followed
   * by the entry (its uid) and the data volume that is copied, or filled by hand.
   */
  readonly url: string;
  /** Of the file as it is offered: 64 lower-case hexadecimal digits. */
  readonly sha256?: string;
  /** Of a container image: the disk's file; the only one under /disk where this is not given. */
  readonly path?: string;
  /** Of a container image: files that are wanted as they are, and not as a disk. */
  readonly files?: readonly string[];
  /** Of a container image in a list: for which architecture, as Go calls it; the box's where this is not given. */
  readonly architecture?: string;
  /** `Always` where nothing is said: the source is asked once before a disk is made from what is kept. */
  readonly pull?: 'Always' | 'IfNotPresent' | 'Never';
  readonly access?: ImageAccess;
}

/** What it takes to be let in; never a part of a source's name. */
export interface ImageAccess {
  /** PEM. */
  readonly certificates?: readonly string[];
  /** Each `Name: value`. */
  readonly headers?: readonly string[];
  readonly login?: { readonly user: string; readonly password: string };
  /** A Docker `config.json` with logins by registry. */
  readonly dockerConfig?: string;
}

/** One text per source, for maps. */
export function sourceKey({ url, sha256, path, files, architecture }: ImageSource): string {
  if (sha256 !== undefined) return `sha256:${sha256}`;
  const parts = [architecture, path, ...(files ?? [])].map((part) => part ?? '');
  return parts.every((part) => part === '') ? url : [url, ...parts].join('#');
}

/** Whether the source is to be asked for something newer before what is kept of it is used. */
export function asksFirst({ url, sha256, pull = 'Always' }: ImageSource): boolean {
  return sha256 === undefined && pull === 'Always' && !url.startsWith('upload:');
}

const CLONE = /^clone:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/([a-z0-9][-.a-z0-9]*)$/;

/** The disk that a source is a copy of: the entry in whose folder it is, and its data volume. */
export function clonedDisk({ url }: ImageSource): { uid: string; dataVolume: string } | undefined {
  const [, uid, dataVolume] = CLONE.exec(url) ?? [];
  return uid === undefined || dataVolume === undefined ? undefined : { uid, dataVolume };
}

/** What is named of a container image, and how it is to be had. */
export type ContainerImage = Pick<ContainerDisk, 'image' | 'imagePullPolicy' | 'imagePullSecret'>;

/** Kubernetes' defaults: an image that may change under its name is asked for at each start. */
export function compileContainerImage(
  { image, imagePullPolicy, imagePullSecret }: ContainerImage,
  references: References | undefined,
): ImageSource {
  const reference = parseImageReference(image);
  assert(reference !== undefined, `the schema asks for an image's name, not ${image}`);
  const { tag = 'latest', digest } = reference;
  const isFixed = digest !== undefined || tag !== 'latest';
  // As in Kubernetes, an image whose secret is not there is asked for without one.
  const secret = references?.secrets?.[imagePullSecret ?? '']?.data['.dockerconfigjson'];
  return {
    url: `docker://${formatImageReference(reference)}`,
    pull: imagePullPolicy ?? (isFixed ? 'IfNotPresent' : 'Always'),
    ...(secret === undefined ? {} : { access: { dockerConfig: decodeText(secret) } }),
  };
}

/** Who a data volume belongs to. */
export interface VolumeOwner {
  readonly uid: string;
  readonly namespace: string;
  readonly references?: References | undefined;
}

/**
 * Where a data volume's content comes from; undefined for a blank one.
 * @throws Error with a sentence on what is missing
 */
export function compileVolumeSource(
  { http, registry, pvc, upload }: DataVolumeSource,
  dataVolume: string,
  owner: VolumeOwner,
): ImageSource | undefined {
  if (http !== undefined) {
    const sha256 = http.checksum?.slice('sha256:'.length).toLowerCase();
    return { url: http.url, ...(sha256 === undefined ? {} : { sha256 }), ...compileAccess(http, owner) };
  }
  if (registry !== undefined) {
    const reference = parseImageReference(registry.url.slice('docker://'.length));
    assert(reference !== undefined, `the schema asks for an image's name, not ${registry.url}`);
    const architecture = registry.platform?.architecture;
    return {
      url: `docker://${formatImageReference(reference)}`,
      ...(reference.digest === undefined ? {} : { pull: 'IfNotPresent' }),
      ...(architecture === undefined ? {} : { architecture }),
      ...compileAccess(registry, owner),
    };
  }
  if (pvc !== undefined) return { url: `clone:${findVolume(pvc, owner)}` };
  return upload === undefined ? undefined : { url: `upload:${owner.uid}/${dataVolume}` };
}

function findVolume({ name, namespace }: NonNullable<DataVolumeSource['pvc']>, owner: VolumeOwner): string {
  if (namespace !== undefined && namespace !== owner.namespace) {
    throw new Error(`a copy of ${namespace}/${name}: a disk is copied within its namespace only`);
  }
  const found = owner.references?.dataVolumes?.[name];
  if (found === undefined) throw new Error(`there is no data volume ${name} on this box to copy`);
  return `${found.uid}/${found.dataVolume}`;
}

interface AccessFields {
  readonly certConfigMap?: string | undefined;
  readonly secretRef?: string | undefined;
  readonly extraHeaders?: readonly string[] | undefined;
  readonly secretExtraHeaders?: readonly string[] | undefined;
}

function compileAccess(source: AccessFields, owner: VolumeOwner): { access?: ImageAccess } {
  const access: ImageAccess = {
    ...(source.certConfigMap === undefined
      ? {}
      : { certificates: Object.values(findConfigMap(source.certConfigMap, owner)) }),
    ...compileHeaders(source, owner),
    ...(source.secretRef === undefined ? {} : { login: findLogin(source.secretRef, owner) }),
  };
  return Object.keys(access).length === 0 ? {} : { access };
}

function compileHeaders({ extraHeaders = [], secretExtraHeaders = [] }: AccessFields, owner: VolumeOwner) {
  const secret = secretExtraHeaders.flatMap((name) => Object.values(findSecret(name, owner)).map(decodeText));
  const headers = [...extraHeaders, ...secret.map((line) => line.trim())];
  return headers.length === 0 ? {} : { headers };
}

/** CDI's form of a login, for registries too. */
function findLogin(name: string, owner: VolumeOwner) {
  const { accessKeyId, secretKey } = findSecret(name, owner);
  if (accessKeyId === undefined || secretKey === undefined) {
    throw new Error(`the Secret ${name} needs accessKeyId and secretKey`);
  }
  return { user: decodeText(accessKeyId), password: decodeText(secretKey) };
}

function findSecret(name: string, { references }: VolumeOwner): Readonly<Record<string, string>> {
  const secret = references?.secrets?.[name];
  if (secret === undefined) throw new Error(`the Secret ${name} did not come with it from the hub`);
  return secret.data;
}

function findConfigMap(name: string, { references }: VolumeOwner): Readonly<Record<string, string>> {
  const configMap = references?.configMaps?.[name];
  if (configMap === undefined) throw new Error(`the ConfigMap ${name} did not come with it from the hub`);
  return configMap.data ?? {};
}
