import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { admitWrite } from '../../../hub/admit.ts';
import { kubectl } from '../../tools/kubectl.ts';
import type { TestApi } from './start-api.ts';
import { startApi } from './start-api.ts';

/** The objects that machines name, as the real kubectl makes and shows them. */

let api: TestApi;
beforeAll(async () => {
  api = await startApi({ admit: admitWrite });
});
afterAll(() => api.close());

/** What a command prints, with runs of spaces as one; a complaint where it fails. */
async function run(command: string, stdin?: object): Promise<string> {
  const text = stdin === undefined ? '' : JSON.stringify(stdin);
  const { code, stdout, stderr } = await kubectl(api.kubeconfigPath, command.split(' '), { stdin: text });
  return (code === 0 ? stdout : stderr).replaceAll(/ +/g, ' ').trim();
}

const SECRETS = '/api/v1/namespaces/default/secrets';
const secret = (name: string, rest: object) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name },
  ...rest,
});

describe('a Secret', () => {
  test('is made, shown without its values, and read back', async () => {
    const made = 'create secret generic till --from-literal=password=geheim --from-literal=user=kasse';
    expect(await run(made)).toBe('secret/till created');
    expect(await run('get secret till')).toMatch(/^NAME TYPE DATA AGE\s+till Opaque 2 \d+s$/);
    const described = await run('describe secret till');
    expect(described).toContain('password: 6 bytes');
    expect(described).not.toContain('geheim');
    expect(await run('get secret till -o jsonpath={.data.password}')).toBe(btoa('geheim'));
  });

  test('of a registry is what kubectl makes of one', async () => {
    const made =
      'create secret docker-registry pull --docker-server=r.example --docker-username=a --docker-password=b';
    expect(await run(made)).toBe('secret/pull created');
    expect(await run('get secret pull -o jsonpath={.type}')).toBe('kubernetes.io/dockerconfigjson');
  });

  test('keeps stringData as data, and is applied again with one value changed and one gone', async () => {
    const texts = (stringData: object) => secret('texts', { stringData });
    expect(await run('apply -f -', texts({ a: 'one', b: 'two' }))).toBe('secret/texts created');
    expect(await run('apply -f -', texts({ a: 'three', b: 'two' }))).toBe('secret/texts configured');
    const { body } = await api.call<Record<string, unknown>>('GET', `${SECRETS}/texts`);
    expect(body).toMatchObject({ type: 'Opaque', data: { a: btoa('three'), b: btoa('two') } });
    expect(body).not.toHaveProperty('stringData');

    const values = (data: object) => secret('values', { data });
    await run('apply -f -', values({ a: btoa('1'), b: btoa('2') }));
    await run('apply -f -', values({ a: btoa('3') }));
    expect(await run('get secret values -o jsonpath={.data}')).toBe(`{"a":"${btoa('3')}"}`);
  });

  test.each([
    [{ data: { a: 'no base64!' } }, 'data.a: Invalid value: must be base64 text'],
    [{ data: { 'a/b': '' } }, 'data[a/b]: Invalid value: must be letters, digits, "-", "_" or "."'],
    [
      { type: 'kubernetes.io/tls', stringData: { 'tls.crt': 'x' } },
      'data[tls.key]: Required value: is required in a secret of type kubernetes.io/tls',
    ],
    [
      { type: 'kubernetes.io/dockerconfigjson', stringData: { '.dockerconfigjson': '{' } },
      'data[.dockerconfigjson]: Invalid value: must be JSON',
    ],
    [
      { stringData: { big: 'x'.repeat(1024 * 1024) } },
      'data: Invalid value: must not be larger than 1048576 bytes, and is 1048579',
    ],
    [
      { type: 'kubernetes.io/basic-auth' },
      'data.username: Required value: or password is required in a secret of type kubernetes.io/basic-auth',
    ],
  ])('that is not well formed is refused with why: %#', async (content, complaint) => {
    const { code, body } = await api.call('POST', SECRETS, secret('bad', content));
    expect([code, body.message]).toEqual([422, `Secret "bad" is invalid: ${complaint}`]);
  });

  test('that is immutable stays as it is, and none changes its type', async () => {
    await run('apply -f -', secret('fixed', { immutable: true, stringData: { a: 'x' } }));
    expect(await run('apply -f -', secret('fixed', { immutable: true, stringData: { a: 'y' } }))).toContain(
      "data: Forbidden: can't be changed: the object is immutable; make another one",
    );
    expect(await run('apply -f -', secret('till', { type: 'kubernetes.io/tls2' }))).toContain(
      "type: Forbidden: can't be changed",
    );
    expect(await run('delete secret fixed')).toContain('deleted');
  });
});

describe('a ConfigMap', () => {
  test('is made and described', async () => {
    expect(await run('create configmap shop --from-literal=city=Bern')).toBe('configmap/shop created');
    expect(await run('get cm shop')).toMatch(/^NAME DATA AGE\s+shop 1 \d+s$/);
    expect(await run('describe cm shop')).toContain('Bern');
  });

  test('has a key once', async () => {
    const metadata = { name: 'twice' };
    const twice = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { a: 'x' }, binaryData: { a: '' } };
    const { body } = await api.call('POST', '/api/v1/namespaces/default/configmaps', twice);
    expect(body.message).toContain('data.a: Duplicate value: is in binaryData too');
  });
});

describe('a NetworkAttachmentDefinition', () => {
  const URL = '/apis/k8s.cni.cncf.io/v1/namespaces/default/network-attachment-definitions';
  const apply = async (name: string, config: unknown) => {
    const text = typeof config === 'string' ? config : JSON.stringify(config);
    const object = {
      apiVersion: 'k8s.cni.cncf.io/v1',
      kind: 'NetworkAttachmentDefinition',
      metadata: { name },
      spec: { config: text },
    };
    const { code, body } = await api.call('POST', URL, object);
    return code === 201 ? 'taken' : body.message.replace(/^.* is invalid: /, '');
  };

  test('of a bridge is taken with a VLAN, as a list, and with what does nothing here; other types too', async () => {
    const bridge = { cniVersion: '0.3.1', name: 'lan', type: 'bridge', bridge: 'br0', vlan: 20, mtu: 9000 };
    expect(await apply('lan', { ...bridge, ipam: {}, macspoofchk: true })).toBe('taken');
    const plugins = [{ type: 'cnv-bridge', bridge: 'br1' }, { type: 'cnv-tuning' }];
    expect(await apply('list', { cniVersion: '0.3.1', name: 'list', plugins })).toBe('taken');
    expect(await apply('ptp', { type: 'ptp', ipam: { type: 'host-local' } })).toBe('taken');
    expect(await run('get net-attach-def lan')).toMatch(/^NAME AGE\s+lan \d+s$/);
  });

  test('warns of what has no effect, by its path inside', async () => {
    const config = { plugins: [{ type: 'bridge', macspoofchk: true }] };
    const object = {
      apiVersion: 'k8s.cni.cncf.io/v1',
      kind: 'NetworkAttachmentDefinition',
      metadata: { name: 'checked' },
      spec: { config: JSON.stringify(config) },
    };
    const { code, stderr } = await kubectl(api.kubeconfigPath, ['apply', '-f', '-'], {
      stdin: JSON.stringify(object),
    });
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(/^Warning: spec\.config\.plugins\[0\]\.macspoofchk/),
    ]);
  });

  test.each([
    ['not JSON', 'spec.config: Invalid value: must be JSON'],
    [{}, /^spec.config: Invalid value: must be the configuration of a CNI plugin/],
    [{ type: 'bridge', vlan: 5000 }, /^spec.config.vlan: Invalid value: /],
    [{ type: 'bridge', vlna: 5 }, 'spec.config.vlna: Forbidden: unknown field; did you mean "vlan"?'],
    [
      { type: 'bridge', ipam: { type: 'dhcp' } },
      /^spec.config.ipam.type: Unsupported value: is not supported: .* leave ipam empty$/,
    ],
    [
      { type: 'bridge', vlanTrunk: [{ id: 3 }] },
      /^spec.config.vlanTrunk: Unsupported value: is not supported: .*with vlan for each$/,
    ],
    [{ type: 'bridge', hairpinMode: true }, /^spec.config.hairpinMode: Invalid value: must not be true: /],
    [
      { plugins: [{ type: 'bridge', bridge: 'a/b' }, { type: 'firewall' }] },
      /plugins\[0\].bridge: Invalid value: must be the name.*plugins\[1\].type: Unsupported value: is not supported/,
    ],
    [
      { plugins: [{ type: 'bridge' }, { type: 'tuning', mac: 'x' }] },
      /plugins\[1\].mac: Unsupported value: is not supported/,
    ],
  ])(
    'that a machine could not use as it says is refused with the path inside it: %j',
    async (config, why) => {
      expect(await apply('bad', config)).toEqual(
        typeof why === 'string' ? why : (expect.stringMatching(why) as string),
      );
    },
  );
});

test('instancetypes, preferences and data volumes are listed under the names that KubeVirt gives them', async () => {
  const resources = await run('api-resources --no-headers');
  for (const row of [
    'virtualmachineinstancetypes vminstancetype,vminstancetypes,vmf,vmfs instancetype.kubevirt.io/v1beta1 true',
    'virtualmachineclusterinstancetypes vmclusterinstancetype,vmclusterinstancetypes,vmcf,vmcfs instancetype.kubevirt.io/v1beta1 false',
    'virtualmachinepreferences vmpref,vmprefs,vmp,vmps instancetype.kubevirt.io/v1beta1 true',
    'virtualmachineclusterpreferences vmcp,vmcps instancetype.kubevirt.io/v1beta1 false',
    'datavolumes dv,dvs cdi.kubevirt.io/v1beta1 true',
    'network-attachment-definitions net-attach-def k8s.cni.cncf.io/v1 true',
  ]) {
    expect(resources).toContain(row);
  }
});
