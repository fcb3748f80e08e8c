import { describe, expect, test } from 'vitest';
import { causesOf, machineWith } from './manifest.ts';

const IN_SPEC = 'spec.template.spec';
const CARD = `${IN_SPEC}.domain.devices.interfaces`;

const judge = (interfaces: object[], networks: object[], devices: object = {}, spec: object = {}) =>
  causesOf(
    'VirtualMachine',
    machineWith({ spec: { networks, ...spec }, devices: { interfaces, ...devices } }),
  ).map(({ field, reason, message }) => `${field} ${reason.replace('FieldValue', '')}: ${message}`);
const pod = { name: 'a', pod: {} };
const lan = { name: 'b', multus: { networkName: 'shop/lan' } };

test('what KubeVirt manifests say of networks is taken', () => {
  const interfaces = [
    {
      name: 'a',
      masquerade: {},
      model: 'e1000e',
      portRanges: [{ protocol: 'UDP', start: 5000, end: 5010 }],
      dhcpOptions: { bootFileName: 'pxelinux.0', tftpServerName: 'tftp.example' },
      bootOrder: 2,
    },
    { name: 'b', bridge: {}, macAddress: '02-00-00-00-00-01', state: 'down', acpiIndex: 101, tag: 'lan' },
    { name: 'c', bridge: {}, state: 'absent' },
  ];
  const networks = [
    { name: 'a', pod: { vmNetworkCIDR: '10.11.12.0/24', vmIPv6NetworkCIDR: 'fd10:0:3::/120' } },
    lan,
    { name: 'c', multus: { networkName: 'cameras' } },
  ];
  expect(judge(interfaces, networks, { networkInterfaceMultiqueue: true })).toEqual([]);
  expect(
    judge([{ name: 'b', bridge: {} }], [{ name: 'b', multus: { networkName: 'lan', default: true } }]),
  ).toEqual([]);
});

describe('a card', () => {
  test.each<[what: string, card: object, field: string, said: RegExp]>([
    ['no binding', {}, '.masquerade', /Required: is required, or bridge/],
    ['two bindings', { masquerade: {}, bridge: {} }, '.bridge', /not be given together with masquerade/],
    ['SR-IOV', { masquerade: {}, sriov: {} }, '.sriov', /NotSupported: .*hostDevices/],
    ['a plugin', { masquerade: {}, binding: { name: 'x' } }, '.binding', /NotSupported: .*use bridge/],
    ['macvtap', { masquerade: {}, macvtap: {} }, '.macvtap', /NotSupported: .*use bridge/],
    ['slirp', { masquerade: {}, slirp: {} }, '.slirp', /NotSupported: .*use masquerade/],
    ['passt', { masquerade: {}, passt: {} }, '.passt', /NotSupported: .*use masquerade/],
    ['a slot', { masquerade: {}, pciAddress: '0000:81:01.10' }, '.pciAddress', /NotSupported: .*acpiIndex/],
    ['an absent masquerade', { masquerade: {}, state: 'absent' }, '.state', /only a card with bridge/],
    ['an absent default', { bridge: {}, state: 'absent' }, '.state', /default network/],
    [
      'two port lists',
      { masquerade: {}, ports: [], portRanges: [] },
      '.portRanges',
      /not be given together with ports/,
    ],
    [
      'a range backwards',
      { masquerade: {}, portRanges: [{ protocol: 'TCP', start: 2, end: 1 }] },
      '.portRanges[0].end',
      /below start/,
    ],
    [
      'too many ports',
      { masquerade: {}, portRanges: [{ protocol: 'TCP', start: 1, end: 65_535 }] },
      '.portRanges',
      /65535 ports are too many, 1000/,
    ],
    ['ranges on a bridge', { bridge: {}, portRanges: [] }, '.portRanges', /has all its ports/],
    [
      'a time server',
      { masquerade: {}, dhcpOptions: { ntpServers: ['10.0.0.1'] } },
      '.dhcpOptions.ntpServers',
      /NotSupported: .*bridge/,
    ],
    [
      'a quote',
      { bridge: {}, dhcpOptions: { bootFileName: 'a"b' } },
      '.dhcpOptions.bootFileName',
      /without quotes/,
    ],
  ])('with %s is refused', (_, card, field, said) => {
    const problems = judge([{ name: 'a', ...card }], [pod]);
    expect(problems).toContainEqual(expect.stringMatching(said));
    expect(problems.some((problem) => problem.startsWith(`${CARD}[0]${field} `))).toBe(true);
  });

  test('shares neither boot order nor index with another, nor boot order with a disk', () => {
    const cards = ['a', 'b'].map((name) => ({ name, bridge: {}, bootOrder: 1, acpiIndex: 7 }));
    const disks = [{ name: 'root', disk: {}, bootOrder: 1 }];
    const volumes = [{ name: 'root', emptyDisk: { capacity: '1Mi' } }];
    expect(judge(cards, [pod, lan], { disks }, { volumes })).toEqual([
      `${CARD}[0].bootOrder Duplicate: is that of the disk root, too`,
      `${CARD}[1].bootOrder Duplicate: is that of the disk root, too`,
      `${CARD}[1].acpiIndex Duplicate: is used twice`,
      `${CARD}[1].bootOrder Duplicate: is used twice`,
    ]);
  });

  test('on a network of the site is on a bridge, and takes what that tells it', () => {
    const dhcpOptions = { ntpServers: ['10.0.0.1'] };
    expect(judge([{ name: 'b', masquerade: {} }], [lan])).toEqual([
      expect.stringContaining(`${CARD}[0].masquerade Invalid: only the pod network`),
    ]);
    expect(judge([{ name: 'b', bridge: {}, dhcpOptions }], [lan])).toEqual([
      expect.stringContaining(`${CARD}[0].dhcpOptions NotSupported: `),
    ]);
  });
});

describe('a network', () => {
  const cards = ['a', 'b'].map((name) => ({ name, bridge: {} }));
  test.each<[what: string, networks: object[], said: RegExp]>([
    ['of no kind', [{ name: 'a' }, lan], /networks\[0\]\.pod Required: is required, or multus/],
    [
      'of two kinds',
      [{ ...pod, multus: { networkName: 'x' } }, lan],
      /networks\[0\]\.multus Invalid: must not be given/,
    ],
    ['of pods twice', [pod, { ...pod, name: 'b' }], /networks\[1\]\.pod Duplicate: there can be one/],
    [
      'by default beside pods',
      [pod, { name: 'b', multus: { networkName: 'x', default: true } }],
      /networks\[1\]\.multus\.default Invalid: .*pod network/,
    ],
    [
      'by default twice',
      ['a', 'b'].map((name) => ({ name, multus: { networkName: name, default: true } })),
      /networks\[1\]\.multus\.default Duplicate: there can be one/,
    ],
    [
      'with a name that is none',
      [pod, { name: 'b', multus: { networkName: 'a/b/c' } }],
      /networks\[1\]\.multus\.networkName Invalid: .*NAMESPACE\/NAME/,
    ],
    [
      'too small',
      [{ name: 'a', pod: { vmNetworkCIDR: '10.0.2.0/30' } }, lan],
      /vmNetworkCIDR Invalid: must be an IPv4 network/,
    ],
    [
      'of the other family',
      [{ name: 'a', pod: { vmIPv6NetworkCIDR: '10.0.2.0/24' } }, lan],
      /vmIPv6NetworkCIDR Invalid: must be an IPv6 network/,
    ],
    ['claimed', [{ ...pod, resourceClaim: {} }, lan], /resourceClaim NotSupported: .*use multus/],
  ])('%s is refused', (_, networks, said) => {
    expect(judge(cards, networks)).toContainEqual(expect.stringMatching(said));
  });
});
