import type { AccessCredential } from '../../shared/model/access-credential.ts';
import type { DesiredMachine } from '../../shared/model/machine.ts';
import type { CloudInitSource } from '../../shared/model/volume/cloud-init.ts';
import type { Volume } from '../../shared/model/volume/volume.ts';
import { decodeText, splitKeys } from './base64.ts';

export interface SeedFile {
  /** Relative to the disk; its folders are made. */
  readonly path: string;
  readonly content: string;
  /** Base64 stays as it was given: what it holds need not be text (cloud-init takes gzip). */
  readonly encoding: 'utf8' | 'base64';
}

/** A read-only disk with files. */
export interface SeedImage {
  /** By which the guest finds it. */
  readonly label: string;
  readonly files: readonly SeedFile[];
}

/** A hostname is the first label of the name, at most 63 characters (as KubeVirt shortens it). */
export function compileHostname({ name, spec }: Pick<DesiredMachine, 'name' | 'spec'>): string {
  return (spec.hostname ?? name.split('.')[0] ?? name).slice(0, 63);
}

/**
 * The seed of cloud-init's NoCloud or ConfigDrive source. The instance-id is the machine's uid, so that an edit does
 * not make cloud-init take the machine for a new one and set it up again.
 */
export function compileSeed(volume: Volume, source: CloudInitSource, desired: DesiredMachine): SeedImage {
  const { userDataBase64, networkDataBase64 } = source;
  const { secretRef, networkDataSecretRef } = source;
  const user =
    secretRef === undefined
      ? readInline(source.userData, userDataBase64)
      : readSecret(volume, secretRef.name, ['userdata', 'userData'], desired);
  const network =
    networkDataSecretRef === undefined
      ? readInline(source.networkData, networkDataBase64)
      : readSecret(volume, networkDataSecretRef.name, ['networkdata', 'networkData'], desired);
  // cloud-init takes a seed without user data for none at all.
  const userData = user ?? { content: '', encoding: 'utf8' };
  const isDrive = volume.cloudInitConfigDrive !== undefined;
  const folder = isDrive ? 'openstack/latest/' : '';
  const names = isDrive
    ? { meta: 'meta_data.json', user: 'user_data', network: 'network_data.json' }
    : { meta: 'meta-data', user: 'user-data', network: 'network-config' };
  const meta = isDrive ? formatDriveMeta(desired) : formatMeta(desired);
  return {
    label: isDrive ? 'config-2' : 'cidata',
    files: [
      { path: folder + names.meta, content: meta, encoding: 'utf8' },
      { path: folder + names.user, ...userData },
      ...(network === undefined ? [] : [{ path: folder + names.network, ...network }]),
    ],
  };
}

type Content = Pick<SeedFile, 'content' | 'encoding'>;

function readInline(text: string | undefined, encoded: string | undefined): Content | undefined {
  if (text !== undefined) return { content: text, encoding: 'utf8' };
  return encoded === undefined ? undefined : { content: encoded, encoding: 'base64' };
}

function readSecret(
  { name: volume }: Volume,
  name: string,
  keys: readonly string[],
  { references }: DesiredMachine,
): Content {
  const secret = references?.secrets?.[name];
  if (secret === undefined) throw new Error(`volume ${volume}: there is no Secret ${name}`);
  const key = keys.find((one) => Object.hasOwn(secret.data, one));
  const content = key === undefined ? undefined : secret.data[key];
  if (content !== undefined) return { content, encoding: 'base64' };
  throw new Error(`volume ${volume}: the Secret ${name} has no key ${keys.join(' or ')}`);
}

/** YAML lines, of which JSON's strings are a part. */
function formatMeta(desired: DesiredMachine): string {
  const type = instancetypeOf(desired);
  const keys = readKeys(desired, (credential) => credential.sshPublicKey?.propagationMethod.noCloud);
  const lines = [`instance-id: ${desired.uid}`, `local-hostname: ${compileHostname(desired)}`];
  if (type !== undefined) lines.push(`instance-type: ${JSON.stringify(type)}`);
  if (keys.length > 0) lines.push('public-keys:', ...keys.map((key) => `  - ${JSON.stringify(key)}`));
  return `${lines.join('\n')}\n`;
}

/** OpenStack's, of which cloud-init takes `uuid` for the instance-id. */
function formatDriveMeta(desired: DesiredMachine): string {
  const type = instancetypeOf(desired);
  const keys = readKeys(desired, (credential) => credential.sshPublicKey?.propagationMethod.configDrive);
  const hostname = compileHostname(desired);
  return JSON.stringify({
    uuid: desired.uid,
    instance_id: desired.uid,
    hostname,
    local_hostname: hostname,
    ...(type === undefined ? {} : { instance_type: type }),
    ...(keys.length === 0 ? {} : { public_keys: Object.fromEntries(keys.entries()) }),
  });
}

function instancetypeOf({ annotations = {} }: DesiredMachine): string | undefined {
  return annotations['kubevirt.io/cluster-instancetype-name'] ?? annotations['kubevirt.io/instancetype-name'];
}

/** The keys of the credentials that go this way: the values of their Secrets, in the order of their names. */
function readKeys(
  { spec, references }: DesiredMachine,
  goesThisWay: (credential: AccessCredential) => unknown,
): string[] {
  return (spec.accessCredentials ?? [])
    .filter((credential) => goesThisWay(credential) !== undefined)
    .flatMap(({ sshPublicKey }) => {
      const name = sshPublicKey?.source.secret.secretName ?? '';
      const secret = references?.secrets?.[name];
      if (secret === undefined) throw new Error(`accessCredentials: there is no Secret ${name}`);
      return Object.keys(secret.data)
        .toSorted()
        .flatMap((key) => splitKeys(decodeText(secret.data[key] ?? '')));
    });
}
