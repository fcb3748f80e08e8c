import { describe, expect, test } from 'vitest';
import { compileDisks } from '../../../agent/machine/compile-disks.ts';
import { UID, base64, desired } from './desired.ts';

const SECRETS = {
  seed: { data: { userdata: base64('#cloud-config\n'), networkData: 'e30=' } },
  keys: { data: { b: base64('ssh-ed25519 BB b\n'), a: base64('# mine\nssh-ed25519 AA a\nssh-rsa CC c\n') } },
  empty: { data: {} },
};

const diskOf = (source: object, spec: object = {}, entry: object = {}, name?: string) => {
  const volumes = [{ name: 'seed', ...source }];
  return compileDisks(desired({ spec: { ...spec, volumes }, entry }, name))[0];
};
const seedOf = (...given: Parameters<typeof diskOf>) => {
  const content = diskOf(...given)?.content;
  return content?.from === 'seed' ? content.image : undefined;
};
const filesOf = (...given: Parameters<typeof diskOf>) => seedOf(...given)?.files ?? [];
const accessCredentials = (method: string) => [
  { sshPublicKey: { source: { secret: { secretName: 'keys' } }, propagationMethod: { [method]: {} } } },
];

describe('a NoCloud seed', () => {
  test('says who the machine is, whatever else changes', () => {
    const source = { cloudInitNoCloud: { userData: '#cloud-config\n', networkDataBase64: 'e30=' } };
    expect(seedOf(source)).toEqual({
      label: 'cidata',
      files: [
        { path: 'meta-data', content: `instance-id: ${UID}\nlocal-hostname: pos\n`, encoding: 'utf8' },
        { path: 'user-data', content: '#cloud-config\n', encoding: 'utf8' },
        { path: 'network-config', content: 'e30=', encoding: 'base64' },
      ],
    });
    expect(filesOf({ cloudInitNoCloud: { networkData: '{}' } })[1]).toEqual({
      path: 'user-data',
      content: '',
      encoding: 'utf8',
    });
    expect(filesOf({ cloudInitNoCloud: { userDataBase64: 'AP8=' } })[1]).toEqual({
      path: 'user-data',
      content: 'AP8=',
      encoding: 'base64',
    });
  });

  test('has the hostname of the spec, or the first label of the name', () => {
    const hostname = (spec: object, name?: string) =>
      filesOf({ cloudInitNoCloud: { userData: '' } }, spec, {}, name)[0]?.content;
    expect(hostname({ hostname: 'till' })).toContain('local-hostname: till\n');
    expect(hostname({}, 'pos.shop-7')).toContain('local-hostname: pos\n');
  });

  test('is a read-only disk', () => {
    expect(diskOf({ cloudInitNoCloud: { userData: '' } })).toMatchObject({
      content: { from: 'seed', file: 'seed.iso' },
      bus: 'sata',
      cdrom: true,
      readonly: true,
    });
  });

  test('takes what it refers to from Secrets, under the keys of KubeVirt', () => {
    const entry = { references: { secrets: SECRETS } };
    const from = (name: string) =>
      filesOf({ cloudInitNoCloud: { secretRef: { name }, networkDataSecretRef: { name } } }, {}, entry);
    expect(from('seed').slice(1)).toEqual([
      { path: 'user-data', content: base64('#cloud-config\n'), encoding: 'base64' },
      { path: 'network-config', content: 'e30=', encoding: 'base64' },
    ]);
    expect(() => from('none')).toThrow('volume seed: there is no Secret none');
    expect(() => from('empty')).toThrow('volume seed: the Secret empty has no key userdata or userData');
  });

  test('has the keys that are to get in this way, and the kind of machine', () => {
    const entry = {
      references: { secrets: SECRETS },
      annotations: { 'kubevirt.io/instancetype-name': 'small' },
    };
    const spec = { accessCredentials: accessCredentials('noCloud') };
    expect(filesOf({ cloudInitNoCloud: { userData: '' } }, spec, entry)[0]?.content).toBe(
      [
        `instance-id: ${UID}`,
        'local-hostname: pos',
        'instance-type: "small"',
        'public-keys:',
        '  - "ssh-ed25519 AA a"',
        '  - "ssh-rsa CC c"',
        '  - "ssh-ed25519 BB b"',
        '',
      ].join('\n'),
    );
  });
});

test("a ConfigDrive seed has OpenStack's files, with the same instance-id", () => {
  const source = { cloudInitConfigDrive: { userData: '#!/bin/sh\n', networkData: '{"links":[]}' } };
  const spec = { accessCredentials: accessCredentials('configDrive') };
  const seed = seedOf(source, spec, { references: { secrets: SECRETS } });
  expect(seed?.label).toBe('config-2');
  expect(seed?.files.map(({ path }) => path)).toEqual([
    'openstack/latest/meta_data.json',
    'openstack/latest/user_data',
    'openstack/latest/network_data.json',
  ]);
  expect(JSON.parse(seed?.files[0]?.content ?? '')).toEqual({
    uuid: UID,
    instance_id: UID,
    hostname: 'pos',
    local_hostname: 'pos',
    public_keys: { 0: 'ssh-ed25519 AA a', 1: 'ssh-rsa CC c', 2: 'ssh-ed25519 BB b' },
  });
});
