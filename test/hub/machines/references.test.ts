import { describe, expect, test } from 'vitest';
import { carryOver } from '../../../hub/machines/carry-over.ts';
import {
  findForeignClone,
  findReferences,
  findSourceReferences,
  targetOf,
} from '../../../hub/machines/references.ts';
import type { DesiredMachine } from '../../../shared/model/machine.ts';
import { entryOf } from '../start-hub.ts';

/** What a spec names, by its form alone, and what is sent while some of it is missing. */

const show = (references: ReturnType<typeof findReferences>) =>
  references.map(({ kind, name, field, optional }) => `${kind} ${name}${optional ? '?' : ''}: ${field}`);

test('every place in which a spec can name an object is known', () => {
  const secret = { source: { secret: { secretName: 'keys' } } };
  const spec = {
    volumes: [
      { name: 'a', cloudInitNoCloud: { secretRef: { name: 'user' }, networkDataSecretRef: { name: 'net' } } },
      { name: 'b', cloudInitConfigDrive: { secretRef: { name: 'user' } } },
      { name: 'c', configMap: { name: 'shop', optional: true } },
      { name: 'd', secret: { secretName: 'till' } },
      { name: 'e', sysprep: { configMap: { name: 'answers' } } },
      { name: 'f', sysprep: { secret: { name: 'answers' } } },
      { name: 'g', containerDisk: { image: 'x', imagePullSecret: 'pull' } },
      { name: 'h', dataVolume: { name: 'root' } },
      { name: 'i', persistentVolumeClaim: { claimName: 'claim' } },
      { name: 'j', ephemeral: { persistentVolumeClaim: { claimName: 'base' } } },
      { name: 'k', emptyDisk: { capacity: '1Gi' } },
    ],
    accessCredentials: [{ sshPublicKey: secret }, { userPassword: secret }],
    networks: [
      { name: 'a', pod: {} },
      { name: 'b', multus: { networkName: 'other/lan' } },
    ],
    domain: { firmware: { kernelBoot: { container: { image: 'x', imagePullSecret: 'pull' } } } },
  };
  expect(show(findReferences(spec))).toEqual([
    'Secret user: volumes[0].cloudInitNoCloud.secretRef.name',
    'Secret net: volumes[0].cloudInitNoCloud.networkDataSecretRef.name',
    'Secret user: volumes[1].cloudInitConfigDrive.secretRef.name',
    'ConfigMap shop?: volumes[2].configMap.name',
    'Secret till: volumes[3].secret.secretName',
    'ConfigMap answers: volumes[4].sysprep.configMap.name',
    'Secret answers: volumes[5].sysprep.secret.name',
    'Secret pull: volumes[6].containerDisk.imagePullSecret',
    'DataVolume root: volumes[7].dataVolume.name',
    'DataVolume claim?: volumes[8].persistentVolumeClaim.claimName',
    'DataVolume base?: volumes[9].ephemeral.persistentVolumeClaim.claimName',
    'Secret keys: accessCredentials[0].sshPublicKey.source.secret.secretName',
    'Secret keys: accessCredentials[1].userPassword.source.secret.secretName',
    'Network other/lan: networks[1].multus.networkName',
    'Secret pull: domain.firmware.kernelBoot.container.imagePullSecret',
  ]);
  expect(targetOf({ kind: 'Network', name: 'other/lan' }, 'default')).toMatchObject({
    namespace: 'other',
    name: 'lan',
  });
  expect(targetOf({ kind: 'Network', name: 'lan' }, 'default')).toMatchObject({
    namespace: 'default',
    name: 'lan',
  });
});

test('and every place in the source of a data volume', () => {
  const http = { url: 'x', certConfigMap: 'ca', secretRef: 'login', secretExtraHeaders: ['one', 'two'] };
  expect(show(findSourceReferences({ source: { http } }, 'spec'))).toEqual([
    'ConfigMap ca: spec.source.http.certConfigMap',
    'Secret login: spec.source.http.secretRef',
    'Secret one: spec.source.http.secretExtraHeaders[0]',
    'Secret two: spec.source.http.secretExtraHeaders[1]',
  ]);
  const registry = { url: 'x', certConfigMap: 'ca', secretRef: 'login' };
  expect(show(findSourceReferences({ source: { registry } }, 'spec'))).toEqual([
    'ConfigMap ca: spec.source.registry.certConfigMap',
    'Secret login: spec.source.registry.secretRef',
  ]);
  const clone = { source: { pvc: { namespace: 'shop', name: 'base' } } };
  expect(show(findSourceReferences(clone, 'spec'))).toEqual(['DataVolume base: spec.source.pvc.name']);
  expect([findForeignClone(clone, 'shop'), findForeignClone(clone, 'default')]).toEqual([undefined, 'shop']);
});

describe('while something is missing', () => {
  const uid = '11111111-aaaa-4aaa-8aaa-111111111111';
  const entry = entryOf(uid, 'pos', { generation: 2 }) as DesiredMachine;
  const runs = { runStrategy: 'Halted' } as const;
  const missing = {
    reason: 'SecretNotFound',
    message: '',
    missing: { member: 'secrets', name: 'till' },
  } as const;
  const content = { till: { data: { a: 'eA==' } } };

  test('nothing is sent of a machine of which nothing was sent', () => {
    expect(carryOver(entry, runs, [missing], undefined)).toBeUndefined();
    expect(carryOver(entry, runs, [], undefined)).toBe(entry);
  });

  test('the rest is sent anew, with the content that was sent before', () => {
    const configMaps = { shop: { data: { a: 'b' } } };
    const sent = { ...entry, generation: 1, references: { secrets: content } };
    expect(carryOver({ ...entry, references: { configMaps } }, runs, [missing], sent)).toEqual({
      ...entry,
      references: { configMaps, secrets: content },
    });
  });

  test.each([
    ['that is not known by its content', { ...entry, generation: 1 }, [missing]],
    [
      'that is more than content',
      { ...entry, references: { secrets: content } },
      [{ reason: 'x', message: '' }],
    ],
  ])('%s, only when it is to run is sent', (_, sent, problems) => {
    expect(carryOver(entry, runs, problems, sent)).toEqual({ ...sent, ...runs });
  });

  test('a removed entry of the same uid is never sent for the machine', () => {
    expect(carryOver(entry, runs, [missing], { uid, removed: true })).toBeUndefined();
  });
});
