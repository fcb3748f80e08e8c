import type { InstanceSpec } from '../../shared/model/instance-spec.ts';

export interface SeedFile {
  readonly name: 'meta-data' | 'user-data' | 'network-config';
  readonly content: string;
  /** Base64 stays as it was given: what it holds need not be text (cloud-init takes gzip). */
  readonly encoding: 'utf8' | 'base64';
}

/** A hostname is the first label of the name, at most 63 characters (as KubeVirt shortens it). */
export function compileHostname(name: string, hostname: string | undefined): string {
  return (hostname ?? name.split('.')[0] ?? name).slice(0, 63);
}

/**
 * The files of cloud-init's NoCloud seed, where a volume asks for one. The instance-id is the machine's uid, so
 * that an edit does not make cloud-init take the machine for a new one and set it up again.
 */
export function compileSeed(uid: string, hostname: string, { volumes = [] }: InstanceSpec): SeedFile[] {
  const seed = volumes.find(({ cloudInitNoCloud }) => cloudInitNoCloud !== undefined)?.cloudInitNoCloud;
  if (seed === undefined) return [];
  const file = (name: SeedFile['name'], text: string | undefined, base64: string | undefined): SeedFile[] => {
    if (text !== undefined) return [{ name, content: text, encoding: 'utf8' }];
    return base64 === undefined ? [] : [{ name, content: base64, encoding: 'base64' }];
  };
  const userData = file('user-data', seed.userData, seed.userDataBase64);
  return [
    { name: 'meta-data', content: `instance-id: ${uid}\nlocal-hostname: ${hostname}\n`, encoding: 'utf8' },
    // cloud-init takes a seed without user-data for none at all.
    ...(userData.length > 0 ? userData : file('user-data', '', undefined)),
    ...file('network-config', seed.networkData, seed.networkDataBase64),
  ];
}
